"""The official Python SDK 1.x, which speaks 2025-11-25 and earlier alone."""

from contextlib import asynccontextmanager

from mcp import ClientSession
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamablehttp_client

from common import exercise_session, run


@asynccontextmanager
async def connect(options):
    client = sse_client if options.sse else streamablehttp_client
    async with client(options.url, headers=options.headers) as streams:
        async with ClientSession(*streams[:2]) as session:
            yield session


async def exercise(options):
    async with connect(options) as session:
        hello = await session.initialize()
        offers = hello.capabilities
        return await exercise_session(session, offers, hello.protocolVersion, options.calls)


run("python-1", "mcp", exercise)
