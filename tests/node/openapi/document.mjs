// What a document says of its operations, references followed as far as a request needs it.

const METHODS = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch']
/** How deep references are written out: a form looks at its members and theirs. */
const DEPTH = 6

/** Each operation with its parameters and body. */
export function* operations(document) {
  const follow = (node) => resolved(document, node, 0)
  for (const [path, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
      const operation = item[method]
      if (!operation) continue
      const own = (operation.parameters ?? []).map(follow)
      const shared = (item.parameters ?? []).map(follow)
      const is = (one, other) => one.name === other.name && one.in === other.in
      const parameters = [...shared.filter((it) => !own.some((one) => is(one, it))), ...own]
      yield {
        path: path.split(/[#?]/)[0],
        method,
        tool: sound(operation.operationId ?? ''),
        parameters,
        body: operation.requestBody && follow(operation.requestBody),
      }
    }
  }
}

/** The name that an operation or argument has as a tool's. */
export function sound(name) {
  return name.replace(/[^A-Za-z0-9_.-]+/g, '_').replace(/^_+(?=.)|_+$/g, (edge, at) => (at ? '' : edge.slice(0, 0)))
}

function resolved(document, node, depth) {
  if (Array.isArray(node)) return node.map((it) => resolved(document, it, depth + 1))
  if (node === null || typeof node !== 'object') return node
  if (typeof node.$ref === 'string') {
    const parts = node.$ref.replace(/^#\//, '').split('/')
    const names = parts.map((it) => decodeURIComponent(it).replaceAll('~1', '/').replaceAll('~0', '~'))
    const target = names.reduce((at, name) => at?.[name], document)
    return depth > DEPTH ? {} : resolved(document, target ?? {}, depth + 1)
  }
  if (depth > DEPTH) return {}
  const entries = Object.entries(node).filter(([name]) => name !== 'examples' && name !== 'example')
  return Object.fromEntries(entries.map(([name, it]) => [name, resolved(document, it, depth + 1)]))
}
