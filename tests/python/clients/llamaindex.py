"""The LlamaIndex adapter: a new session for every operation."""

from llama_index.tools.mcp import BasicMCPClient, McpToolSpec

from common import Outcome, run


async def exercise(options):
    client = BasicMCPClient(options.url, headers=options.headers)
    tools = {tool.metadata.name: tool for tool in await McpToolSpec(client).to_tool_list_async()}

    # It neither tells the version that it negotiated nor what the server offers.
    outcome = Outcome(tools=len(tools))
    outcome.resources = len((await client.list_resources()).resources)
    outcome.prompts = len((await client.list_prompts()).prompts)
    for tool, arguments, _ in options.calls:
        outcome.results.append(await tools[tool].acall(**arguments))
    return outcome


run("llamaindex", "llama-index-tools-mcp", exercise)
