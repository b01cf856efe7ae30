"""FastMCP's client. By default it begins with 2026-07-28."""

from fastmcp import Client
from fastmcp.client.transports import SSETransport, StreamableHttpTransport

from common import Outcome, run


async def exercise(options):
    transport = SSETransport if options.sse else StreamableHttpTransport
    async with Client(transport(options.url, headers=options.headers)) as client:
        outcome = Outcome(client.protocol_version)
        offers = client.server_capabilities
        outcome.tools = len(await client.list_tools())
        if offers.resources:
            outcome.resources = len(await client.list_resources())
        if offers.prompts:
            outcome.prompts = len(await client.list_prompts())
        for tool, arguments, _ in options.calls:
            outcome.results.append(await client.call_tool(tool, arguments, raise_on_error=False))
        return outcome


run("fastmcp", "fastmcp", exercise)
