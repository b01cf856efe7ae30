"""What every client script does: connect, list everything, call what the command line names.

    python CLIENT.py URL [--era legacy|auto|modern] [--sse] [--header 'Name: value']...
                         [--call TOOL JSON [--expect SUBSTRING]]...

Prints one JSON line and exits 0, or tells what went wrong on stderr and exits 1. The URL may come
from MCP_URL instead. Without --era a client negotiates as it does by default.
"""

import argparse
import asyncio
import json
import os
import sys
import traceback
from dataclasses import dataclass, field
from importlib.metadata import version

DEADLINE_S = 60
"""Nothing that works takes longer."""


@dataclass
class Outcome:
    """What a client saw."""

    negotiated: str | None = None
    """The protocol version, or None where the client does not tell."""
    tools: int = 0
    resources: int = 0
    prompts: int = 0
    results: list = field(default_factory=list)
    """One result a call, as anything that can be written as text."""


def run(name, package, exercise):
    """Runs one client: `exercise(options)` is to return its Outcome."""
    options = _parse()
    try:
        outcome = asyncio.run(asyncio.wait_for(exercise(options), DEADLINE_S))
        for (tool, _, expect), result in zip(options.calls, outcome.results, strict=True):
            if expect not in str(result):
                raise AssertionError(f"{tool}: no {expect} in {result}")
    except BaseException:
        traceback.print_exc()
        sys.exit(f"{name}: failed")
    print(
        json.dumps(
            {
                "client": name,
                "version": version(package),
                "negotiated": outcome.negotiated,
                "tools": outcome.tools,
                "resources": outcome.resources,
                "prompts": outcome.prompts,
                "ok": True,
            }
        )
    )


async def exercise_session(session, offers, negotiated, calls):
    """Does with a session of the official SDK what there is to do.

    `offers` are the server's capabilities, None if the client never asked for them.
    """
    outcome = Outcome(negotiated)
    outcome.tools = await _count(session.list_tools, "tools")
    if offers is None or offers.resources:
        outcome.resources = await _count(session.list_resources, "resources")
    if offers is None or offers.prompts:
        outcome.prompts = await _count(session.list_prompts, "prompts")
    for tool, arguments, _ in calls:
        result = await session.call_tool(tool, arguments)
        outcome.results.append(result.model_dump_json(by_alias=True))
    return outcome


async def _count(list_page, key):
    count, cursor = 0, None
    while True:
        page = await (list_page(cursor=cursor) if cursor is not None else list_page())
        count += len(getattr(page, key))
        # SDK 2.x calls it next_cursor, 1.x nextCursor.
        cursor = getattr(page, "next_cursor", getattr(page, "nextCursor", None))
        if cursor is None:
            return count


class _Call(argparse.Action):
    def __call__(self, parser, options, values, option=None):
        calls = [*(options.calls or [])]
        if option == "--call":
            calls.append((values[0], json.loads(values[1]), ""))
        elif calls:
            calls[-1] = (*calls[-1][:2], values)
        else:
            parser.error("--expect needs a --call")
        options.calls = calls


def _parse():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("url", nargs="?", default=os.environ.get("MCP_URL"))
    parser.add_argument("--era", choices=["legacy", "auto", "modern"])
    parser.add_argument("--sse", action="store_true")
    parser.add_argument("--header", action="append", default=[], dest="headers")
    parser.add_argument("--call", nargs=2, action=_Call, dest="calls", default=[])
    parser.add_argument("--expect", action=_Call, dest="calls")
    options = parser.parse_args()
    if options.url is None:
        parser.error("no URL")
    options.headers = dict(header.split(": ", 1) for header in options.headers)
    return options
