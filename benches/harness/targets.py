"""The processes that are compared, and the upstreams behind them."""

import math
import shlex
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from .issuer import Issuer
from .machine import Cores
from .mcp import LEGACY, MODERN, Client, Refused
from .process import Failed, Process, free_ports

T = TypeVar("T")

BENCHES = Path(__file__).resolve().parent.parent
DIRECT, NGINX, GATEWAY = "direct", "nginx", "gateway"
# The gateway with every rule that a call can be held to, and that with redaction of the results.
GOVERNED, REDACTED = "governed", "redacted"
GOVERNMENTS = (GOVERNED, REDACTED)

READY_SECONDS = 20
POLL_SECONDS = 0.001
# wrk goes round this many tools, so that a large catalogue and all upstreams are really used.
SAMPLED_TOOLS = 200


@dataclass(frozen=True)
class World:
    """What stands behind the process under test."""

    era: str = "both"
    upstreams: int = 1
    tools: int = 10
    reply: int = 64
    text: str = "letters"
    """What a reply is made of: one letter, or records that redaction has to read."""


@dataclass(frozen=True)
class Setup:
    """How the processes of this run are started."""

    cores: Cores
    upstream: Path
    gateway: str | None
    ours: bool
    """Whether the gateway is Toolgate, whose rules we can write."""
    gateway_config: Path
    directory: Path

    def targets(self) -> tuple[str, ...]:
        """What can be measured, in the order of a round."""
        if not self.gateway:
            return (DIRECT, NGINX)
        return (DIRECT, NGINX, GATEWAY, *(GOVERNMENTS if self.ours else ()))


class Target:
    """A process under test that answers, and where."""

    def __init__(self, name: str, process: Process, port: int, token: str | None = None) -> None:
        self.name = name
        self.process = process
        self.port = port
        self.token = token
        """What its callers prove with who they are."""
        self._tools: dict[str, list[str]] = {}

    def wait(self, era: str) -> float:
        """Seconds from the start of the process to its first answer to a greeting."""
        self._persist(lambda: self.client(era).close())
        return time.monotonic() - self.process.started

    def client(self, era: str) -> Client:
        """A client that the target lets in."""
        return Client(self.port, era, self.token)

    def tools(self, era: str) -> list[str]:
        """The names of the benchmark's tools as this target lists them, evenly sampled."""
        if era not in self._tools:
            self._tools[era] = self._persist(lambda: self._find_tools(era))
        return self._tools[era]

    def _find_tools(self, era: str) -> list[str]:
        with self.client(era) as client:
            names = [name for name in client.tools() if "echo_" in name]
            if not names:
                raise Refused("it lists none of the benchmark's tools")
            sampled = names[:: math.ceil(len(names) / SAMPLED_TOOLS)]
            # A gateway may know a tool before it has connected to the upstream.
            for name in sampled:
                client.call(name)
            return sampled

    def _persist(self, attempt: Callable[[], T]) -> T:
        """Repeats the attempt until it succeeds, the process ends or the time is up."""
        deadline = time.monotonic() + READY_SECONDS
        while True:
            try:
                return attempt()
            except (OSError, Refused) as problem:
                self.process.check()
                if time.monotonic() > deadline:
                    words = self.process.last_words()
                    raise Failed(f"{self.name} does not answer: {problem}{words}") from problem
            time.sleep(POLL_SECONDS)


class Stage:
    """The processes of one world. A context manager: leaving it stops them all."""

    def __init__(self, setup: Setup, world: World) -> None:
        self._setup = setup
        self._world = world
        self._running = ExitStack()
        self._ports = free_ports(world.upstreams)
        self._issuers: dict[int, Issuer] = {}

    def start(self, name: str) -> Target:
        """Starts one process under test. It may not answer yet."""
        [port] = free_ports(1)
        if name == DIRECT:
            # A second upstream, on the core of those it is compared with.
            return Target(name, self._start_upstream(name, [port], self._setup.cores.under_test), port)
        command = self._nginx(port) if name == NGINX else self._gateway(name, port)
        token = self._issuer(port).token if name in GOVERNMENTS else None
        return Target(name, self._run(name, command, self._setup.cores.under_test), port, token)

    def __enter__(self) -> "Stage":
        upstream = self._start_upstream("upstream", self._ports, self._setup.cores.everything_else)
        era = LEGACY if self._world.era == LEGACY else MODERN
        try:
            Target("upstream", upstream, self._ports[0]).wait(era)
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._running.close()

    def _run(self, name: str, command: list[str], core: int) -> Process:
        process = Process(name, command, core, self._setup.directory)
        return self._running.enter_context(process)

    def _start_upstream(self, name: str, ports: list[int], core: int) -> Process:
        world = self._world
        command = [str(self._setup.upstream), f"--era={world.era}"]
        command += [f"--tools={world.tools}", f"--body={world.reply}", f"--text={world.text}"]
        command += [f"--port={port}" for port in ports]
        return self._run(name, command, core)

    def _nginx(self, port: int) -> list[str]:
        config = self._fill(BENCHES / "nginx.conf.in", port)
        return ["nginx", "-p", str(self._setup.directory), "-e", "stderr", "-c", str(config)]

    def _gateway(self, name: str, port: int) -> list[str]:
        template = BENCHES / f"{name}.yaml.in" if name in GOVERNMENTS else self._setup.gateway_config
        config = self._fill(template, port)
        command = shlex.split(self._setup.gateway or "")
        values = {"{config}": str(config), "{port}": str(port), "{upstream_port}": str(self._ports[0])}
        for placeholder, value in values.items():
            command = [word.replace(placeholder, value) for word in command]
        return command

    def _issuer(self, port: int) -> Issuer:
        """Who vouches for the callers of the gateway on this port."""
        if port not in self._issuers:
            resource = f"http://127.0.0.1:{port}/mcp"
            self._issuers[port] = self._running.enter_context(Issuer(resource, self._setup.directory))
        return self._issuers[port]

    def _fill(self, template: Path, port: int) -> Path:
        text = template.read_text()
        values = {
            "@DIR@": str(self._setup.directory),
            "@PORT@": str(port),
            "@UPSTREAM_PORT@": str(self._ports[0]),
            "@SERVERS@": "\n".join(map(_server, range(len(self._ports)), self._ports)),
        }
        if "@ISSUER@" in text:
            values["@ISSUER@"] = self._issuer(port).url
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        config = self._setup.directory / template.name.removesuffix(".in")
        config.write_text(text)
        return config


def _server(index: int, port: int) -> str:
    """One upstream, as a line of the gateway's configuration."""
    name = "bench" if index == 0 else f"bench-{index:03}"
    return f'  - {{name: {name}, upstream: "http://127.0.0.1:{port}/mcp"}}'
