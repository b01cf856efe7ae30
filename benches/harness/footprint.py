"""What does a target take before and besides the work? Start-up time and memory."""

import statistics
import time
from contextlib import ExitStack
from dataclasses import dataclass, fields

from . import machine
from .load import Load, measure
from .mcp import LEGACY, MODERN, Refused
from .process import Failed
from .rounds import Pace, Say
from .targets import Setup, Stage, Target, World

SESSIONS = 1_000
BUSY = Load(MODERN, connections=64)


@dataclass
class Numbers:
    """One target, started afresh. Memory in KiB, of the process and its descendants."""

    start_ms: float = 0
    """From exec to the answer to `initialize`."""
    first_call_ms: float = 0
    """From exec until every tool of the upstream has been called once."""
    idle_kib: float = 0
    """After those calls."""
    busy_kib: float = 0
    """With 64 connections under load."""
    peak_kib: float = 0
    """The most it ever had, after that load."""
    sessions_kib: float = 0
    """Another fresh process, with 1,000 legacy sessions, each on its own open connection."""


@dataclass
class Footprint:
    """The medians of all rounds for one target. `problem` says what went wrong first."""

    target: str
    numbers: Numbers
    problem: str | None = None


def run(setup: Setup, pace: Pace, say: Say) -> list[Footprint]:
    """Measures each target in turn, round by round."""
    found: dict[str, list[Numbers]] = {name: [] for name in setup.targets()}
    problems: dict[str, str] = {}
    with Stage(setup, World()) as stage:
        for turn in range(pace.rounds):
            for name in (name for name in found if name not in problems):
                say(f"footprint: {name} ({turn + 1} of {pace.rounds})")
                try:
                    found[name].append(_once(setup, stage, name, pace))
                except (Failed, OSError, Refused) as problem:
                    problems[name] = str(problem)
    return [Footprint(name, _medians(all_), problems.get(name)) for name, all_ in found.items()]


def _once(setup: Setup, stage: Stage, name: str, pace: Pace) -> Numbers:
    numbers = Numbers()
    _work(setup, stage.start(name), numbers, pace)
    _hold_sessions(stage.start(name), numbers)
    return numbers


def _work(setup: Setup, target: Target, numbers: Numbers, pace: Pace) -> None:
    pid = target.process.pid
    numbers.start_ms = target.wait(LEGACY) * 1e3
    target.tools(MODERN)
    numbers.first_call_ms = (time.monotonic() - target.process.started) * 1e3
    numbers.idle_kib = machine.resident_kib(pid)
    numbers.busy_kib = measure(target, BUSY, pace.seconds, setup.cores).resident_kib
    numbers.peak_kib = machine.peak_kib(pid)
    target.process.stop()


def _hold_sessions(target: Target, numbers: Numbers) -> None:
    target.wait(LEGACY)
    with ExitStack() as clients:
        for _ in range(SESSIONS):
            clients.enter_context(target.client(LEGACY))
        numbers.sessions_kib = machine.resident_kib(target.process.pid)
    target.process.stop()


def _medians(rounds: list[Numbers]) -> Numbers:
    if not rounds:
        return Numbers()
    names = [field.name for field in fields(Numbers)]
    return Numbers(**{name: statistics.median(getattr(n, name) for n in rounds) for name in names})
