"""In which order? The targets take turns, so that a slow minute of the machine hits all of them."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from .load import Sample, measure
from .mcp import Refused
from .process import Failed
from .scenes import Scene
from .targets import Setup, Stage, Target

WARM_UP_SECONDS = 1
LISTS = 5

Say = Callable[[str], None]


@dataclass(frozen=True)
class Pace:
    """How long each cell is measured, and how often."""

    seconds: int
    rounds: int


@dataclass
class Row:
    """A scene on one target, with one sample a round. `problem` says why it broke off."""

    title: str
    target: str
    reference: str
    """The target that its numbers are divided by."""
    samples: list[Sample] = field(default_factory=list)
    list_ms: float | None = None
    """How long a client needs to read the whole list of tools."""
    problem: str | None = None


def run(setup: Setup, scenes: list[Scene], pace: Pace, say: Say) -> list[Row]:
    """Measures all scenes, one world after the other."""
    rows: list[Row] = []
    for world in dict.fromkeys(scene.world for scene in scenes):
        with Stage(setup, world) as stage:
            rows += _run_world(setup, stage, [s for s in scenes if s.world == world], pace, say)
    return rows


def _run_world(setup: Setup, stage: Stage, scenes: list[Scene], pace: Pace, say: Say) -> list[Row]:
    wanted = {name for scene in scenes for name in scene.targets}
    running = {name: stage.start(name) for name in setup.targets() if name in wanted}
    cells = [
        (scene, target, Row(scene.title, name, scene.reference))
        for scene in scenes
        for name, target in running.items()
        if name in scene.targets
    ]
    for turn in range(pace.rounds):
        for scene, target, row in cells:
            if row.problem is None:
                say(f"{scene.title}: {target.name} ({turn + 1} of {pace.rounds})")
                _take_sample(setup, scene, target, row, pace)
    return [row for _, _, row in cells]


def _take_sample(setup: Setup, scene: Scene, target: Target, row: Row, pace: Pace) -> None:
    """A target that fails loses its own row only."""
    try:
        if not row.samples:
            measure(target, scene.load, WARM_UP_SECONDS, setup.cores)
            row.list_ms = _list_ms(target, scene.load.era)
        row.samples.append(measure(target, scene.load, pace.seconds, setup.cores))
    except (Failed, OSError, Refused) as problem:
        row.problem = str(problem)


def _list_ms(target: Target, era: str) -> float:
    """The time of a client that reads and parses every page."""
    times = []
    with target.client(era) as client:
        for _ in range(LISTS):
            start = time.monotonic()
            client.tools()
            times.append(time.monotonic() - start)
    return statistics.median(times) * 1e3
