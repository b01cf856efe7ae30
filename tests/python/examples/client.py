"""The official Python client: connects to a URL and does what lines on its standard input ask.

    python client.py URL      the first line says who it is; peer.py has what it and the others hold
"""

import asyncio
import json
import sys

import httpx2
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from mcp.types import ElicitResult


async def main(url):
    who = json.loads(await _line())
    headers = {"Authorization": f"Bearer {who['token']}"} if who["token"] else {}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, elicitation_callback=person(who["answers"])) as client:
            while line := await _line():
                print(json.dumps(await answer(client, json.loads(line))), flush=True)


def person(answers):
    """Whoever accepts each question with these answers; nobody without any."""

    async def accepts(_context, _question):
        return ElicitResult(action="accept", content=answers)

    return None if answers is None else accepts


async def answer(client, asked):
    if "list" in asked:
        return await everything(client)
    try:
        return {"result": _plain(await outcome(client, asked))}
    except MCPError as refused:
        return {"error": str(refused)}


async def outcome(client, asked):
    if "read" in asked:
        return await client.read_resource(asked["read"])
    if "prompt" in asked:
        return await client.get_prompt(asked["prompt"], asked["with"])
    return await client.call_tool(asked["call"], asked["with"])


async def everything(client):
    offers = client.server_capabilities
    found = {
        "tools": await pages(client.list_tools, "tools") if offers.tools else [],
        "resources": [],
        "templates": [],
        "prompts": await pages(client.list_prompts, "prompts") if offers.prompts else [],
    }
    if offers.resources:
        found["resources"] = await pages(client.list_resources, "resources")
        found["templates"] = await pages(client.list_resource_templates, "resource_templates")
    return found


async def pages(list_page, key):
    """All entries of a list."""
    every, cursor = [], None
    while True:
        page = await (list_page(cursor=cursor) if cursor is not None else list_page())
        every += [_plain(entry) for entry in getattr(page, key)]
        cursor = page.next_cursor
        if cursor is None:
            return every


def _plain(model):
    return model.model_dump(mode="json", by_alias=True, exclude_none=True)


async def _line():
    return await asyncio.to_thread(sys.stdin.readline)


asyncio.run(main(sys.argv[1]))
