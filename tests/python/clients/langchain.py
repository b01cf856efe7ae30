"""The LangChain adapter: a new session for every operation, on the Python SDK 1.x."""

from langchain_mcp_adapters.client import MultiServerMCPClient

from common import Outcome, run


async def exercise(options):
    transport = "sse" if options.sse else "streamable_http"
    server = {"transport": transport, "url": options.url, "headers": options.headers}
    client = MultiServerMCPClient({"server": server})

    hello = (await client.get_server_info(server_name="server"))["server"]
    tools = {tool.name: tool for tool in await client.get_tools()}
    outcome = Outcome(hello.protocolVersion, tools=len(tools))
    async with client.session("server") as session:
        if hello.capabilities.resources:
            outcome.resources = len((await session.list_resources()).resources)
        if hello.capabilities.prompts:
            outcome.prompts = len((await session.list_prompts()).prompts)
    for tool, arguments, _ in options.calls:
        outcome.results.append(await tools[tool].ainvoke(arguments))
    return outcome


run("langchain", "langchain-mcp-adapters", exercise)
