"""A small MCP client of both eras: it finds the tools, opens sessions and waits until a server answers."""

import http.client
import json
from typing import Any

MODERN, LEGACY = "modern", "legacy"
VERSIONS = {MODERN: "2026-07-28", LEGACY: "2025-11-25"}
TIMEOUT_SECONDS = 10
MAX_PAGES = 10_000
Message = dict[str, Any]

CLIENT = {"name": "bench", "version": "1"}


class Refused(Exception):
    """The server did not answer with a result."""


class Client:
    """One connection that speaks one era. A legacy client opens its session at once."""

    def __init__(self, port: int, era: str, token: str | None = None) -> None:
        self.era = era
        self._token = token
        self.session: str | None = None
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        self._last_id = 0
        try:
            self._greet()
        except BaseException:
            self.close()
            raise

    def tools(self) -> list[str]:
        """The names of all tools, over all pages."""
        names: list[str] = []
        params: dict[str, Any] = {}
        for _ in range(MAX_PAGES):
            page = self.request("tools/list", params)
            names += [tool["name"] for tool in page["tools"]]
            if "nextCursor" not in page:
                return names
            params = {"cursor": page["nextCursor"]}
        raise Refused("tools/list does not end")

    def call(self, tool: str) -> None:
        """Calls a tool, and is content with any success."""
        result = self.request("tools/call", {"name": tool, "arguments": {"text": "x"}})
        if result.get("isError"):
            raise Refused(f"{tool} failed: {result.get('content')}")

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """The result of one request."""
        self._last_id += 1
        message = {"jsonrpc": "2.0", "id": self._last_id, "method": method, "params": params}
        try:
            status, body = self._post(message)
            if status != 200:
                raise Refused(f"{method}: HTTP {status}: {body[:200]!r}")
            result: dict[str, Any] = _message(body)["result"]
            return result
        except (http.client.HTTPException, ValueError, KeyError) as problem:
            raise Refused(f"{method}: no result in the reply: {problem!r}") from problem

    def close(self) -> None:
        """Closes the connection. A session stays open at the server."""
        self._connection.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _greet(self) -> None:
        if self.era == MODERN:
            self.request("server/discover", {})
            return
        hello = {"protocolVersion": VERSIONS[LEGACY], "capabilities": {}, "clientInfo": CLIENT}
        self.request("initialize", hello)
        self._post({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _post(self, message: Message) -> tuple[int, bytes]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        if self.era == MODERN:
            message, headers = _modernise(message, headers)
        elif message["method"] != "initialize":
            headers["MCP-Protocol-Version"] = VERSIONS[LEGACY]
            if self.session:
                headers["Mcp-Session-Id"] = self.session
        self._connection.request("POST", "/mcp", json.dumps(message), headers)
        reply = self._connection.getresponse()
        body = reply.read()
        self.session = reply.headers.get("Mcp-Session-Id", self.session)
        return reply.status, body


def _modernise(message: Message, headers: dict[str, str]) -> tuple[Message, dict[str, str]]:
    """What 2026-07-28 adds to each request: `_meta`, and headers that mirror the body."""
    params = message["params"]
    meta = {
        "io.modelcontextprotocol/protocolVersion": VERSIONS[MODERN],
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": CLIENT,
    }
    mirrored = {"MCP-Protocol-Version": VERSIONS[MODERN], "Mcp-Method": message["method"]}
    if message["method"] == "tools/call":
        mirrored["Mcp-Name"] = params["name"]
    return message | {"params": params | {"_meta": meta}}, headers | mirrored


def _message(body: bytes) -> Message:
    """The response in a body, which is JSON, or the last event of a stream."""
    text = body.decode()
    if not text.lstrip().startswith("{"):
        events = [line[5:] for line in text.splitlines() if line.startswith("data:") and line[5:].strip()]
        text = events[-1] if events else "{}"
    message: Message = json.loads(text)
    return message
