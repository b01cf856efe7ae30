// Random arguments for the operations of an OpenAPI document, sent twice to a stand-in server: by a
// gateway that made tools of the document, and by swagger-client, the reference client of OpenAPI.
// Both requests have to say the same.
//
//   node roundtrip.mjs --url GATEWAY --port PORT --document FILE.json [--operations N] [--seed N]
//
// The gateway's server is configured with `arguments: nested` and the base http://127.0.0.1:PORT/base.
// Prints what differs and one line of counts; exits 1 if anything differs without a known reason.

import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

import { Gateway } from './gateway.mjs'
import { Generator, Unsure, random } from './generator.mjs'
import { operations } from './document.mjs'
import { differences } from './compare.mjs'
import { known } from './known.mjs'
import { reference } from './reference.mjs'
import { StandIn } from './stand-in.mjs'

const { values: options } = parseArgs({
  options: {
    url: { type: 'string' },
    port: { type: 'string' },
    document: { type: 'string' },
    operations: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
  },
})

const document = JSON.parse(readFileSync(options.document, 'utf8'))
const standIn = await StandIn.open(Number(options.port))
const gateway = await Gateway.open(options.url)
const tools = await gateway.tools()
const name = options.document.split('/').pop()
const explained = known[name] ?? {}
const count = { same: 0, explained: 0, different: 0, 'not offered': 0, 'not generated': 0 }
const reasons = new Map()

const all = [...operations(document)]
const step = Math.max(1, Math.floor(all.length / Number(options.operations)))
for (const operation of all.filter((_, index) => index % step === 0)) {
  const tool = tools.get(operation.tool) ?? longer(operation.tool)
  if (!tool) {
    count['not offered'] += 1
    continue
  }
  const generator = new Generator(tool.inputSchema, random(`${options.seed} ${tool.name}`))
  let given
  try {
    given = generator.value()
  } catch (error) {
    if (!(error instanceof Unsure)) throw error
    count['not generated'] += 1
    reasons.set(error.message, (reasons.get(error.message) ?? 0) + 1)
    continue
  }
  const answer = await gateway.call(tool.name, given)
  const ours = standIn.take()
  await reference(document, operation, given, standIn.base)
  const theirs = standIn.take()
  const differs = ours ? differences(operation, given, theirs, ours) : [`no request: ${answer}`]
  const reason = explained[`${operation.method} ${operation.path}`]
  if (reason && differs.length > 0) {
    count.explained += 1
    console.log(`     ${operation.method} ${operation.path}: ${reason}`)
  } else if (differs.length === 0 && !reason) {
    count.same += 1
  } else {
    if (reason) differs.push(`it is the same, and was expected to differ: ${reason}`)
    count.different += 1
    console.log(`FAIL ${operation.method} ${operation.path} ${JSON.stringify(given)}`)
    for (const line of differs) console.log(`     ${line}`)
  }
}
/** The tool of an operation whose name was too long. */
function longer(name) {
  const some = [...tools.values()].filter((it) => it.name.length === 56 && name.startsWith(it.name.slice(0, 49)))
  return name.length > 56 && some.length === 1 ? some[0] : undefined
}

for (const [reason, times] of reasons) console.log(`     not generated, ${times} times: ${reason}`)
const counts = Object.entries(count).map(([what, many]) => `${many} ${what}`)
console.log(`${count.different ? 'FAIL' : 'ok'} ${name}: ${counts.join(', ')}`)
standIn.close()
process.exitCode = count.different || count.same === 0 ? 1 : 0
