"""Do the published servers answer as calls.json says?

    tests/servers/check [--only SERVER]...        each server by itself, over stdio
    tests/servers/check --through URL             all of them behind a gateway, as SERVER_TOOL
    tests/servers/check --prepare                 only lay out the files that they work on

Measure them by themselves first: a call that fails here is not the gateway's. Prints one line a
server, which begins with «ok» or «FAIL», and what was wrong below it.
Exit: 0 all calls are as expected; 1 one is not.
"""

import argparse
import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import yaml
from mcp import ClientSession, McpError
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamablehttp_client

HERE = Path(__file__).parent
SCRATCH = Path(".cache/servers")
DEADLINE_S = 30
"""For one server or one call; the slowest starts in about 2 s."""


def prepare():
    """Lays out the files that the servers work on, as they were at first."""
    shutil.rmtree(SCRATCH, ignore_errors=True)
    (SCRATCH / "files").mkdir(parents=True)
    (SCRATCH / "files/hello.txt").write_text("hello from a file\n")

    repository = SCRATCH / "repository"
    people, parts = ("AUTHOR", "COMMITTER"), ("NAME", "EMAIL")
    author = {f"GIT_{who}_{what}": "testbed" for who in people for what in parts}
    commit = ["commit", "--quiet", "--allow-empty", "--message", "a commit to look at"]
    subprocess.run(["git", "init", "--quiet", repository], check=True)
    subprocess.run(["git", "-C", repository, *commit], check=True, env=os.environ | author)


async def connect(stack, server):
    """A session with one server, over stdio."""
    program, *arguments = server["command"]
    env = os.environ | {name: resolve(value) for name, value in server.get("env", {}).items()}
    parameters = StdioServerParameters(command=program, args=arguments, env=env)
    streams = await stack.enter_async_context(stdio_client(parameters, errlog=subprocess.DEVNULL))
    return await begin(stack, streams)


def resolve(text):
    """A value of the file with its `${env:NAME}` replaced, as the gateway does it."""
    return re.sub(r"\$\{env:(\w+)\}", lambda match: os.environ[match[1]], text)


async def begin(stack, streams):
    session = await stack.enter_async_context(ClientSession(*streams[:2]))
    hello = await session.initialize()
    return session, hello


async def exercise(session, calls, prefix):
    """What was wrong with the answers to `calls`, one sentence each."""
    wrong = []
    for call in calls:
        name = prefix + call["tool"]
        text = await answer(session, name, call["arguments"])
        if call["expect"] not in text:
            wrong.append(f"{name}: no {call['expect']!r} in {text!r}")
    return wrong


async def answer(session, tool, arguments):
    """The text of the result, or of the error: servers differ in how they refuse."""
    try:
        result = await session.call_tool(tool, arguments)
    except McpError as error:
        return str(error)
    return " ".join(block.text for block in result.content if block.type == "text")


async def list_tools(session):
    tools, cursor = [], None
    while True:
        page = await session.list_tools(cursor)
        tools += page.tools
        cursor = page.nextCursor
        if cursor is None:
            return tools


async def directly(servers, calls):
    """Whether every server does as it should, each by itself."""
    return all([await one(server, of(server, calls)) for server in servers])


async def one(server, calls):
    try:
        async with asyncio.timeout(DEADLINE_S), AsyncExitStack() as stack:
            session, hello = await connect(stack, server)
            tools = await list_tools(session)
            wrong = await exercise(session, calls, "")
    except Exception as error:
        return fail(server["name"], repr(error))
    return report(f"{server['name']} ({hello.protocolVersion})", len(tools), calls, wrong)


async def through(url, servers, calls):
    """Whether every server does as it should behind the gateway at `url`."""
    async with AsyncExitStack() as stack:
        streams = await stack.enter_async_context(streamablehttp_client(url))
        session, _ = await begin(stack, streams)
        async with asyncio.timeout(DEADLINE_S):
            tools = await list_tools(session)
        return await behind(session, tools, servers, calls)


async def behind(session, tools, servers, calls):
    """Whether `servers` do as they should behind the gateway that offers `tools` in a session."""
    return all([await neighbour(session, tools, server, of(server, calls)) for server in servers])


async def neighbour(session, tools, server, calls):
    prefix = f"{server['name']}_"
    offered = sum(tool.name.startswith(prefix) for tool in tools)
    try:
        async with asyncio.timeout(DEADLINE_S):
            wrong = await exercise(session, calls, prefix)
    except Exception as error:
        return fail(server["name"], repr(error))
    return report(server["name"], offered, calls, wrong)


def of(server, calls):
    """Those of `calls` that the server is to answer."""
    return [call for call in calls if call["server"] == server["name"]]


def report(name, tools, calls, wrong):
    right = len(calls) - len(wrong)
    told = f"{tools} tools, {right} of {len(calls)} calls as expected"
    if tools == 0 or wrong:
        return fail(name, "\n  ".join([told, *wrong]))
    print(f"ok   {name}: {told}", flush=True)
    return True


def fail(name, why):
    print(f"FAIL {name}: {why}", flush=True)
    return False


def published():
    """The servers, as the gateway's configuration names them."""
    return yaml.safe_load((HERE / "gateway.yaml").read_text())["servers"]


def expected():
    """The calls, and what is to be in each answer."""
    return json.loads((HERE / "calls.json").read_text())


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--only", action="append")
    parser.add_argument("--prepare", action="store_true")
    parser.add_argument("--through", metavar="URL")
    options = parser.parse_args()

    if options.prepare:
        return prepare()
    servers = [it for it in published() if not options.only or it["name"] in options.only]
    if options.through:
        return not asyncio.run(through(options.through, servers, expected()))
    prepare()
    return not asyncio.run(directly(servers, expected()))


if __name__ == "__main__":
    sys.exit(main())
