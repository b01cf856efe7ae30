"""The official Python client 2.x. By default it begins with 2026-07-28."""

import httpx2
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from common import exercise_session, run

MODES = {None: "auto", "auto": "auto", "legacy": "legacy", "modern": "2026-07-28"}


async def exercise(options):
    async with httpx2.AsyncClient(headers=options.headers, timeout=30) as http:
        if options.sse:
            transport = sse_client(options.url, headers=options.headers)
        else:
            transport = streamable_http_client(options.url, http_client=http)
        async with Client(transport, mode=MODES[options.era]) as client:
            # A pinned version is not probed for, so the client makes up that nothing is offered.
            offers = None if options.era == "modern" else client.server_capabilities
            return await exercise_session(client, offers, client.protocol_version, options.calls)


run("python-2", "mcp", exercise)
