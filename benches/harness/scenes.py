"""What is measured: one section a question, one scene a row."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .load import Load
from .mcp import LEGACY, MODERN
from .targets import DIRECT, GATEWAY, GOVERNED, NGINX, REDACTED, World

SIZES = {"1 KB": 1_000, "100 KB": 100_000, "4 MB": 4_000_000}


@dataclass(frozen=True)
class Scene:
    """A load on some targets, with a world behind them."""

    title: str
    load: Load
    world: World = World()
    targets: tuple[str, ...] = (DIRECT, NGINX, GATEWAY)
    reference: str = NGINX
    """The target that the others are divided by."""


Section = Callable[[tuple[int, ...]], Iterator[Scene]]


def calls(connections: tuple[int, ...]) -> Iterator[Scene]:
    """Small calls by clients of both eras, at few and many connections."""
    for era in (MODERN, LEGACY):
        for count in connections:
            yield Scene(f"{era}, {count}", Load(era, count))


def eras(_: tuple[int, ...]) -> Iterator[Scene]:
    """Every client with every upstream. Where the eras differ, only a gateway can answer."""
    for client in (MODERN, LEGACY):
        for server in (MODERN, LEGACY):
            targets = (NGINX, GATEWAY) if client == server else (GATEWAY,)
            yield Scene(f"{client} to {server}", Load(client, 16), World(era=server), targets)


def upstreams(_: tuple[int, ...]) -> Iterator[Scene]:
    """More upstreams, all in use. nginx knows only the first: its row shows the noise."""
    for count in (1, 10, 100):
        yield Scene(f"upstreams: {count}", Load(MODERN, 16), World(upstreams=count), (NGINX, GATEWAY))


def tools(_: tuple[int, ...]) -> Iterator[Scene]:
    """A larger catalogue."""
    for count in (10, 1_000, 10_000):
        yield Scene(f"tools: {count:,}", Load(MODERN, 16), World(tools=count), (NGINX, GATEWAY))


def arguments(_: tuple[int, ...]) -> Iterator[Scene]:
    """Larger requests."""
    for title, size in SIZES.items():
        yield Scene(f"{title} sent", Load(MODERN, 16, argument=size))


def replies(_: tuple[int, ...]) -> Iterator[Scene]:
    """Larger results."""
    for title, size in SIZES.items():
        yield Scene(f"{title} received", Load(MODERN, 16), World(reply=size))


def governance(_: tuple[int, ...]) -> Iterator[Scene]:
    """What rules cost: token, policy, limit, schema and audit, then redaction of 10 KB as well."""
    for era in (MODERN, LEGACY):
        yield Scene(f"{era}, governed", Load(era, 16), World(), (GATEWAY, GOVERNED), GATEWAY)
    records = World(reply=10_000, text="records")
    yield Scene("10 KB redacted", Load(MODERN, 16), records, (GATEWAY, REDACTED), GATEWAY)


SECTIONS: dict[str, Section] = {
    section.__name__: section for section in (calls, eras, upstreams, tools, arguments, replies, governance)
}
