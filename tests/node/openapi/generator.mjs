// Random values for the input schema of a tool (the part of JSON Schema 2020-12 that tools have).

import { createHash } from 'node:crypto'

/** It cannot be told which values a schema takes. */
export class Unsure extends Error {}

/** Numbers from 0 to 1, the same for the same seed. */
export function random(seed) {
  let count = 0
  return () => {
    count += 1
    const hash = createHash('sha256').update(`${seed} ${count}`).digest()
    return hash.readUInt32LE(0) / 2 ** 32
  }
}

/** What leads elsewhere where it is not encoded; letters around, so that it stays text. */
const PIECES = ['a', 'Zz', 'é', '世', '😀', ' ', '+', '&', '=', '?', '#', '%', '%2F', ',', ';', ':', '@', '$', '!', "'", '"', '(', '*', ']', '[', '{', '|', '~', '^', '`', '<']
/** Texts of which one fits most patterns. */
const LOOKS = ['a', '7', 'Zm9v', '1.2.3', '2026-01-31', 'refs/heads/main', 'ssh-rsa AAAA a@b', 'ab'.repeat(20), '#00ff7f', 'a@a.example', 'https://a.example/b']
const DEEPEST = 5

export class Generator {
  #schema
  #random

  constructor(schema, numbers) {
    this.#schema = schema
    this.#random = numbers
  }

  /** Arguments that fit. */
  value() {
    return this.#of(this.#schema, { depth: 0, path: [] })
  }

  #below(count) {
    return Math.floor(this.#random() * count)
  }

  #of(schema, at) {
    if (schema === true || schema === undefined) return this.#text({}, at)
    if (at.depth > 12) throw new Unsure('it nests without end')
    if (schema.$ref) {
      const name = schema.$ref.replace('#/$defs/', '')
      return this.#of(this.#schema.$defs[name], { ...at, depth: at.depth + 1 })
    }
    if ('const' in schema) return schema.const
    if (schema.enum) {
      const some = schema.enum.filter((it) => it !== null)
      return some[this.#below(some.length)]
    }
    for (const word of ['oneOf', 'anyOf']) {
      if (!schema[word]) continue
      const { [word]: choices, ...rest } = schema
      const some = choices.filter((it) => it.type !== 'null')
      const choice = this.#of({ ...rest, ...some[this.#below(some.length)] }, at)
      return choice
    }
    if (schema.allOf) throw new Unsure('allOf')
    if (schema.not || schema.if) throw new Unsure('a condition')
    const types = [schema.type ?? (schema.properties ? 'object' : 'string')].flat()
    const some = types.filter((it) => it !== 'null')
    switch (some[this.#below(some.length)]) {
      case 'string':
        return this.#text(schema, at)
      case 'integer':
        return this.#number(schema, 1)
      case 'number':
        return this.#number(schema, 4)
      case 'boolean':
        return this.#random() < 0.5
      case 'array':
        return this.#list(schema, at)
      case 'object':
        return this.#object(schema, at)
      default:
        throw new Unsure(`the type ${schema.type}`)
    }
  }

  #text(schema, at) {
    if (schema.pattern) return this.#like(schema, at)
    const least = Math.max(schema.minLength ?? 0, 1)
    const most = Math.min(schema.maxLength ?? 30, 30)
    if (least > 30) throw new Unsure('a long text')
    if (schema.format && !['binary', 'byte', 'password'].includes(schema.format)) {
      const known = {
        'date-time': '2026-01-31T12:00:00Z',
        date: '2026-01-31',
        uri: 'https://a.example/b?c=d&e',
        uuid: '11111111-2222-3333-4444-555555555555',
        email: 'a+b@a.example',
      }
      if (known[schema.format]) return known[schema.format]
    }
    // In a header there is no more than visible ASCII, and spaces within it.
    const isHead = at.path[0] === 'header' || at.path[0] === 'cookie'
    let pieces = isHead ? ['a', 'Z', '-', '_', '.', '7'] : PIECES
    // The gateway refuses a segment that some server may take for two.
    if (at.path[0] === 'path') pieces = pieces.filter((piece) => piece !== '%2F')
    let text = 'x'
    const wanted = least + this.#below(Math.min(most, 12))
    while ([...text].length < wanted) text += pieces[this.#below(pieces.length)]
    text = [...text].slice(0, Math.max(most, least)).join('')
    return text.endsWith(' ') ? `${text.slice(0, -1)}x` : text
  }

  #like({ pattern, minLength = 0, maxLength = 100 }, at) {
    const form = new RegExp(pattern, 'u')
    const fits = (text) => form.test(text) && text.length >= minLength && text.length <= maxLength
    const some = LOOKS.filter((text) => fits(text) && !(at.path[0] === 'path' && text.includes('/')))
    if (some.length === 0) throw new Unsure(`the pattern ${pattern}`)
    return some[this.#below(some.length)]
  }

  #number(schema, parts) {
    const least = schema.minimum ?? (schema.exclusiveMinimum !== undefined ? schema.exclusiveMinimum + 1 : Math.min(1, schema.maximum ?? 1))
    const most = schema.maximum ?? (schema.exclusiveMaximum !== undefined ? schema.exclusiveMaximum - 1 : least + 1000)
    if (schema.multipleOf) return Math.ceil(Math.max(least, 1) / schema.multipleOf) * schema.multipleOf
    const whole = Math.ceil(least) + this.#below(Math.max(1, Math.min(most, least + 1000) - Math.ceil(least)))
    return whole + (parts > 1 && whole + 1 <= most ? this.#below(parts) / parts : 0)
  }

  #list(schema, at) {
    const least = Math.max(schema.minItems ?? 0, 1)
    const count = Math.max(least, Math.min(schema.maxItems ?? 3, 1 + this.#below(3)))
    const inner = { path: [...at.path, '*'], depth: at.depth + 1 }
    const all = Array.from({ length: count }, () => this.#of(schema.items, inner))
    return schema.uniqueItems ? [...new Map(all.map((it) => [JSON.stringify(it), it])).values()] : all
  }

  #object(schema, at) {
    const value = {}
    const properties = Object.entries(schema.properties ?? {})
    for (const [name, property] of properties) {
      const isNeeded = schema.required?.includes(name)
      const isTop = at.depth < 2
      if (!isNeeded && (at.depth > DEEPEST || this.#random() < (isTop ? 0.3 : 0.6))) continue
      try {
        value[name] = this.#of(property, { depth: at.depth + 1, path: [...at.path, name] })
      } catch (error) {
        if (isNeeded || !(error instanceof Unsure)) throw error
      }
    }
    const isOpen = schema.additionalProperties && at.path.length > 0
    if (isOpen && properties.length === 0) {
      const inner = { depth: at.depth + 1, path: [...at.path, '*'] }
      value.xkey = this.#of(schema.additionalProperties, inner)
    }
    return value
  }
}
