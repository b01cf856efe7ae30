// As little of a client as it takes: a session of 2025-11-25, lists of tools, calls.

export class Gateway {
  #url
  #headers = {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
  }
  #id = 0

  static async open(url) {
    const gateway = new Gateway()
    gateway.#url = url
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 'roundtrip', version: '1' },
    }
    const { headers } = await gateway.#ask('initialize', params)
    gateway.#headers['mcp-session-id'] = headers.get('mcp-session-id')
    gateway.#headers['mcp-protocol-version'] = '2025-11-25'
    await gateway.#post({ jsonrpc: '2.0', method: 'notifications/initialized' })
    return gateway
  }

  #post(message) {
    const body = JSON.stringify(message)
    return fetch(this.#url, { method: 'POST', headers: this.#headers, body })
  }

  async #ask(method, params) {
    this.#id += 1
    const response = await this.#post({ jsonrpc: '2.0', id: this.#id, method, params })
    const text = await response.text()
    const data = text.startsWith('{') ? text : text.match(/^data: (\{.*)$/m)?.[1]
    if (!data) throw new Error(`${method}: ${response.status} ${text}`)
    return { headers: response.headers, message: JSON.parse(data) }
  }

  /** All tools by name. */
  async tools() {
    const tools = new Map()
    let cursor
    do {
      const { message } = await this.#ask('tools/list', cursor ? { cursor } : {})
      for (const tool of message.result.tools) tools.set(tool.name, tool)
      cursor = message.result.nextCursor
    } while (cursor)
    return tools
  }

  /** What came back, as text. */
  async call(name, given) {
    const { message } = await this.#ask('tools/call', { name, arguments: given })
    return JSON.stringify(message.result ?? message.error)
  }
}
