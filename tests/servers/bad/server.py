"""A well-behaved MCP server of 2025-11-25 over stdio, for its neighbours to spoil.

It has one tool, `work`, which answers «done». A neighbour replaces what it does differently:

    from server import Server

    class Hangs(Server):
        def call(self, request): ...

    Hangs().run()
"""

import json
import sys


class Server:
    """Answers one request after the other."""

    tool = {
        "name": "work",
        "description": "Answers that it is done",
        "inputSchema": {"type": "object", "properties": {}},
    }

    def run(self):
        """Serves until stdin ends."""
        for line in sys.stdin:
            request = json.loads(line)
            # A notification wants no answer, and this server asks nothing that could be answered.
            if "id" in request and "method" in request:
                self.answer(request)

    def answer(self, request):
        """Answers a request of any method."""
        match request["method"]:
            case "initialize":
                self.initialize(request)
            case "ping":
                self.result(request, {})
            case "tools/list":
                self.result(request, {"tools": [self.tool]})
            case "tools/call":
                self.call(request)
            case _:
                self.error(request, -32601, "Method not found")

    def initialize(self, request):
        """Answers the handshake."""
        self.result(
            request,
            {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": type(self).__name__.lower(), "version": "1"},
            },
        )

    def call(self, request):
        """Answers a call of the tool."""
        self.result(request, {"content": [{"type": "text", "text": "done"}]})

    def result(self, request, result):
        self.write({"jsonrpc": "2.0", "id": request["id"], "result": result})

    def error(self, request, code, message):
        error = {"code": code, "message": message}
        self.write({"jsonrpc": "2.0", "id": request["id"], "error": error})

    def write(self, message):
        """Writes one message as one line."""
        print(json.dumps(message), flush=True)
