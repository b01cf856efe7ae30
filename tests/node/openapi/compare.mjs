// Do two requests say the same?

import { isDeepStrictEqual } from 'node:util'

import { sound } from './document.mjs'

const FORM = 'application/x-www-form-urlencoded'

/** Where ours says something else than theirs, for these arguments. */
export function differences(operation, given, theirs, ours) {
  const lines = []
  const same = (what, one, other) => {
    if (!isDeepStrictEqual(one, other)) {
      lines.push(`${what}: reference ${JSON.stringify(one)}, ours ${JSON.stringify(other)}`)
    }
  }
  same('method', theirs.method, ours.method)
  const [theirPath, theirQuery] = split(theirs.url)
  const [ourPath, ourQuery] = split(ours.url)
  same('path', segments(theirPath), segments(ourPath))
  const inQuery = operation.parameters.filter((it) => it.in === 'query' && it.style === 'deepObject')
  const query = unsaid(inQuery.map(({ name }) => [name, given.query?.[sound(name)]]))
  same('query', query(pairs(theirQuery)), pairs(ourQuery))
  for (const { name } of operation.parameters.filter((it) => it.in === 'header')) {
    same(`header ${name}`, theirs.headers[name.toLowerCase()], ours.headers[name.toLowerCase()])
  }
  same('cookie', cookies(theirs.headers.cookie), cookies(ours.headers.cookie))
  const kind = bare(theirs.headers['content-type'])
  if (kind !== FORM || (theirs.body && ours.body)) {
    same('content-type', theirs.body && kind, ours.body && bare(ours.headers['content-type']))
  }
  const encodings = Object.entries(operation.body?.content?.[kind]?.encoding ?? {})
  const deep = encodings.filter(([, { style }]) => style === 'deepObject')
  const form = unsaid(deep.map(([name]) => [name, given.body?.[name]]))
  const expected = body(kind, theirs)
  same('body', kind === FORM ? form(expected ?? []) : expected, body(kind, ours) ?? (kind === FORM ? [] : undefined))
  return lines
}

/**
 * deepObject is not defined for lists, for objects in objects and for nothing (OpenAPI 3.1.1,
 * 4.8.12.4). APIs that use it so take brackets for each level, and the places of a list as names:
 * the pairs of the reference with these in the place of what it makes of them.
 */
function unsaid(named) {
  const isPlain = (value) => typeof value !== 'object' || (!Array.isArray(value) && Object.keys(value).length > 0 && Object.values(value).every((it) => typeof it !== 'object'))
  const beyond = named.filter(([, value]) => value !== undefined && !isPlain(value))
  return (all) => {
    const kept = all.filter(([name]) => !beyond.some(([it]) => name === it || name.startsWith(`${it}[`)))
    return sorted([...kept, ...beyond.flatMap(([name, value]) => [...brackets(name, value)])])
  }
}

function* brackets(name, value) {
  if (typeof value !== 'object' || value === null) yield [name, String(value)]
  else for (const [key, it] of Object.entries(value)) yield* brackets(`${name}[${key}]`, it)
}

function split(url) {
  const at = url.indexOf('?')
  return at < 0 ? [url, ''] : [url.slice(0, at), url.slice(at + 1)]
}

/** Which characters are encoded within a segment is free (RFC 3986, 2.3); where segments end is not. */
const segments = (path) => path.split('/').map(decodeURIComponent)

/** By name; those of one name in their order. */
const pairs = (query) => sorted([...new URLSearchParams(query)])

function sorted(all) {
  return all.map((pair, index) => [pair, index]).sort(([[one], a], [[other], b]) => (one < other ? -1 : one > other ? 1 : a - b)).map(([pair]) => pair)
}

const cookies = (text) => (text ?? '').split('; ').filter(Boolean).sort()
/** swagger-client sends a range of types as it stands, which is the type of nothing. */
const bare = (kind) => kind?.split(';')[0].trim().toLowerCase().replace('*/*', 'application/json')

function body(kind, { body: text, headers }) {
  if (!text) return undefined
  if (kind === FORM) return pairs(text)
  if (kind === 'multipart/form-data') return parts(text, headers['content-type'])
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function parts(text, kind) {
  const boundary = kind.match(/boundary="?([^";]+)/)?.[1]
  const all = text.split(`--${boundary}`).slice(1, -1)
  return all.map((part) => {
    const [head, ...value] = part.trimStart().split('\r\n\r\n')
    return [head.match(/name="([^"]*)"/)?.[1], value.join('\r\n\r\n').replace(/\r\n$/, '')]
  })
}
