// Makes a small document of a large one: some operations and what their requests refer to.
//
//   node cut.mjs FILE.json BYTES >CUT.json

import { readFileSync } from 'node:fs'

const [file, bytes] = process.argv.slice(2)
const whole = JSON.parse(readFileSync(file, 'utf8'))
const METHODS = ['get', 'put', 'post', 'delete', 'head', 'patch']
const UNSAID = ['description', 'summary', 'example', 'examples', 'externalDocs', 'x-github', 'responses']

/** Without what says nothing of a request; names of properties are no such words. */
function bare(node, isNames = false) {
  if (Array.isArray(node)) return node.map((it) => bare(it))
  if (node === null || typeof node !== 'object') return node
  const kept = Object.entries(node).filter(([name]) => isNames || !(UNSAID.includes(name) || name.startsWith('x-')))
  return Object.fromEntries(kept.map(([name, it]) => [name, bare(it, name === 'properties' && !isNames)]))
}

const pick = (pointer) => pointer.slice(2).split('/').map((it) => it.replaceAll('~1', '/').replaceAll('~0', '~'))
function* references(node) {
  if (node === null || typeof node !== 'object') return
  if (typeof node.$ref === 'string') yield node.$ref
  for (const it of Object.values(node)) yield* references(it)
}

const cut = { openapi: whole.openapi, info: { title: whole.info.title, version: whole.info.version }, paths: {}, components: {} }
const all = Object.entries(whole.paths).flatMap(([path, item]) => METHODS.filter((it) => item[it]).map((method) => [path, item, method]))
// Spread over the whole, in an order that is always the same.
const order = all.map((it, index) => [((index + 1) * 0.618_033_988_75) % 1, it]).sort(([one], [other]) => one - other)
for (const [, [path, item, method]] of order) {
  const added = structuredClone(cut)
  const { operationId, tags, parameters, requestBody } = item[method]
  added.paths[path] ??= { ...(item.parameters && { parameters: bare(item.parameters) }) }
  added.paths[path][method] = bare({ operationId, tags, parameters, requestBody })
  added.paths[path][method].responses = { 200: { description: 'Done' } }
  const queue = [...references(added.paths[path])]
  for (const pointer of queue) {
    const [components, kind, name] = pick(pointer)
    if (components !== 'components' || added.components[kind]?.[name]) continue
    added.components[kind] ??= {}
    added.components[kind][name] = bare(whole.components[kind][name])
    queue.push(...references(added.components[kind][name]))
  }
  const size = JSON.stringify(added).length
  if (size - JSON.stringify(cut).length > bytes / 8 || size > bytes) continue
  Object.assign(cut, added)
}
console.log(JSON.stringify(cut, null, 1))
