"""One measurement: wrk against one target, and what the target spent meanwhile."""

import json
import os
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import Any

from . import machine
from .machine import Cores
from .mcp import LEGACY
from .process import Failed
from .targets import BENCHES, Target

REPLY_TIMEOUT_SECONDS = 10
# Beyond the run itself: connecting, wrk's calibration, and the last replies.
SLACK_SECONDS = 20


@dataclass(frozen=True)
class Load:
    """What wrk sends: `connections` closed loops of calls with `argument` bytes each."""

    era: str
    connections: int
    argument: int = 32


@dataclass(frozen=True)
class Sample:
    """What one run showed. Times are in microseconds, memory in KiB."""

    per_second: float
    p50_us: float
    p99_us: float
    cpu_us: float
    """Processor time of the target, each request."""
    busy: float
    """Share of the time that the target kept its core busy; well below 1, something else was slower."""
    foreign: float
    """Share of the target's core that other processes took."""
    resident_kib: int
    """Half-way through the load."""
    errors: int
    """Replies that were no success, and connections that broke."""


def measure(target: Target, load: Load, seconds: int, cores: Cores) -> Sample:
    """Runs wrk for a while and reads the target's processor time around it."""
    target.process.check()
    environment = _environment(target, load)
    pid = target.process.pid
    resident: list[int] = []
    midway = threading.Timer(seconds / 2, lambda: resident.append(machine.resident_kib(pid)))
    midway.start()
    before = _clocks(pid, cores)
    report = _wrk(target.port, load, seconds, environment, cores)
    cpu, core, clock = (now - then for now, then in zip(_clocks(pid, cores), before, strict=True))
    midway.join()
    target.process.check()
    requests = report["requests"]
    if not requests:
        raise Failed(f"{target.name} answered nothing: {report}{target.process.last_words()}")
    return Sample(
        per_second=requests / report["seconds"],
        p50_us=report["p50_us"],
        p99_us=report["p99_us"],
        cpu_us=cpu / requests * 1e6,
        busy=cpu / clock,
        foreign=max(0.0, core - cpu) / clock,
        resident_kib=resident[0],
        errors=report["bad_status"] + report["bad_body"] + report["broken"],
    )


def _environment(target: Target, load: Load) -> dict[str, str]:
    """What the Lua script is told. Each connection of a legacy client has a session of its own."""
    sessions = []
    if load.era == LEGACY:
        for _ in range(load.connections):
            with target.client(LEGACY) as client:
                sessions += [client.session] if client.session else []
    return os.environ | {
        "BENCH_TOOLS": ",".join(target.tools(load.era)),
        "BENCH_SESSIONS": ",".join(sessions),
        "BENCH_ARGUMENT": str(load.argument),
        "BENCH_TOKEN": target.token or "",
    }


def _clocks(pid: int, cores: Cores) -> tuple[float, float, float]:
    busy = machine.core_busy_seconds(cores.under_test)
    return machine.cpu_seconds(pid), busy, time.monotonic()


def _wrk(port: int, load: Load, seconds: int, environment: dict[str, str], cores: Cores) -> dict[str, Any]:
    command = ["taskset", "-c", str(cores.everything_else)]
    command += ["wrk", "-t1", f"-c{load.connections}", f"-d{seconds}s"]
    command += [f"--timeout={REPLY_TIMEOUT_SECONDS}s", f"-s{BENCHES}/lua/{load.era}.lua"]
    command += [f"http://127.0.0.1:{port}/mcp"]
    done = subprocess.run(
        command,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds + SLACK_SECONDS,
        check=False,
    )
    for line in done.stdout.splitlines():
        if line.startswith("BENCH "):
            report: dict[str, Any] = json.loads(line.removeprefix("BENCH "))
            return report
    raise Failed(f"wrk ended with status {done.returncode}\n{done.stdout[-500:]}")
