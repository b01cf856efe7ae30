// A server that answers {} to everything and keeps what it was asked.

import { createServer } from 'node:http'

export class StandIn {
  #server
  #requests = []

  static async open(port) {
    const standIn = new StandIn()
    standIn.#server = createServer((request, response) => standIn.#answer(request, response))
    await new Promise((listening) => standIn.#server.listen(port, '127.0.0.1', listening))
    standIn.base = `http://127.0.0.1:${port}/base`
    return standIn
  }

  #answer(request, response) {
    const chunks = []
    request.on('data', (chunk) => chunks.push(chunk))
    request.on('end', () => {
      const { method, url, headers } = request
      this.#requests.push({ method, url, headers, body: Buffer.concat(chunks).toString('utf8') })
      response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
    })
  }

  /** The last request since the last time. */
  take() {
    return this.#requests.splice(0).pop()
  }

  close() {
    this.#server.close()
    this.#server.closeAllConnections()
  }
}
