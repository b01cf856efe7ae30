"""Do the published servers still answer when one is killed, and beside three that misbehave?

    spoilt.py --config                        the configuration of such a gateway, as YAML
    spoilt.py --through URL --gateway PID     tries it

Of the three one hangs in a call, one floods stderr and one prints garbage (see bad/). Prints lines
as check.py does. Exit: 0 all are well; 1 one is not.
"""

import argparse
import asyncio
import os
import signal
import sys
from contextlib import AsyncExitStack
from pathlib import Path

import yaml
from mcp.client.streamable_http import streamablehttp_client

from check import DEADLINE_S, HERE, answer, begin, behind, expected, fail, list_tools, published

KILLED, HARMLESS = "memory", "memory_read_graph"
"""The server that is killed, and a call that shows whether it is back."""

BACK_IN_S = 5
"""How long it may take to come back. Its callers are told to wait meanwhile."""

HANGS = "hangs"
STRANGE = ["floods-stderr", "garbage"]

HANGS_FOR_S = 5
"""How long the gateway waits for the server that hangs; the others are called meanwhile."""


def configuration():
    bad = yaml.safe_load((HERE / "bad/gateway.yaml").read_text())["servers"]
    bad = [server for server in bad if server["name"] in [HANGS, *STRANGE]]
    for server in bad:
        if server["name"] == HANGS:
            server["timeout"] = f"{HANGS_FOR_S}s"
    return yaml.safe_dump({"servers": published() + bad}, sort_keys=False)


async def through(url, gateway):
    async with AsyncExitStack() as stack:
        streams = await stack.enter_async_context(streamablehttp_client(url))
        session, _ = await begin(stack, streams)
        async with asyncio.timeout(DEADLINE_S):
            tools = await list_tools(session)
        kill(gateway)
        hanging = asyncio.create_task(hang(session))
        back = asyncio.create_task(comes_back(session))
        others = [server for server in published() if server["name"] != KILLED]
        well = await behind(session, tools, others, expected())
        if await back:
            killed = [server for server in published() if server["name"] == KILLED]
            well = await behind(session, tools, killed, expected()) and well
        else:
            well = False
        strange = [await is_done(session, name) for name in STRANGE]
        return all([well, *strange, await hanging])


def kill(gateway):
    """Kills the server KILLED, below the gateway's process."""
    [server] = [server for server in published() if server["name"] == KILLED]
    script = server["command"][1]
    family = {gateway}
    found = []
    # A process has a larger id than its parent, unless the ids began anew.
    for _ in range(2):
        for process, parent, command in sorted(processes()):
            if parent in family:
                family.add(process)
                if command[1:2] == [script]:
                    found.append(process)
    os.kill(found[0], signal.SIGKILL)


def processes():
    """The id, the parent and the command of every process that can be seen."""
    for directory in Path("/proc").glob("[0-9]*"):
        try:
            command = (directory / "cmdline").read_bytes().decode(errors="replace")
            status = (directory / "status").read_text()
        except OSError:
            # It ended meanwhile.
            continue
        [parent] = [line.split()[1] for line in status.splitlines() if line.startswith("PPid:")]
        yield int(directory.name), int(parent), command.split("\0")


async def comes_back(session):
    clock = asyncio.get_running_loop()
    start = clock.time()
    while (text := await tried(session, HARMLESS)) is None or "entities" not in text:
        if clock.time() > start + BACK_IN_S:
            return fail(KILLED, f"not back {BACK_IN_S} s after it was killed, but {text!r}")
        await asyncio.sleep(0.1)
    return True


async def is_done(session, name):
    text = await tried(session, f"{name}_work")
    if text != "done":
        return fail(name, f"not done but {text!r}")
    print(f"ok   {name}: it answered", flush=True)
    return True


async def hang(session):
    """A call that the server never answers is answered by the gateway, in time."""
    clock = asyncio.get_running_loop()
    start = clock.time()
    text = await tried(session, f"{HANGS}_work")
    took = clock.time() - start
    if text is None or took > HANGS_FOR_S + 2:
        return fail(HANGS, f"no answer of the gateway within {HANGS_FOR_S} s but {text!r}")
    print(f"ok   {HANGS}: the gateway answered after {took:.1f} s: {text}", flush=True)
    return True


async def tried(session, tool):
    """What a tool answered that takes no arguments, None if it did not."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await answer(session, tool, {})
    except TimeoutError:
        return None


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--config", action="store_true")
    parser.add_argument("--through", metavar="URL")
    parser.add_argument("--gateway", metavar="PID", type=int)
    options = parser.parse_args()
    if options.config:
        return print(configuration())
    return not asyncio.run(through(options.through, options.gateway))


sys.exit(main())
