"""The order of a run: options, preparation, measurements, report."""

import argparse
import json
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from . import footprint, machine, prepare, report, rounds
from .footprint import Footprint
from .machine import Unsuitable
from .process import Failed
from .rounds import Pace, Row
from .scenes import SECTIONS
from .targets import BENCHES, Setup

FOOTPRINT = "footprint"
NO_GATEWAY = "none"


def main() -> int:
    """Runs the benchmark; the exit code is 0 if every measurement succeeded without errors."""
    options = _options()
    # A polite kill must also stop what was started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with tempfile.TemporaryDirectory(prefix="toolgate-bench-") as directory:
            return _run(options, _prepare(options, Path(directory)))
    except (Unsuitable, Failed) as problem:
        print(f"benches/run: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/run", description=sys.modules["__main__"].__doc__)
    parser.add_argument("--quick", action="store_true", help="2 s a cell and 3 rounds, instead of 4 s and 5")
    parser.add_argument("--seconds", type=int, help="length of a cell")
    parser.add_argument("--rounds", type=int, help="how often each cell is measured")
    parser.add_argument(
        "--only", action="append", choices=[*SECTIONS, FOOTPRINT], help="a section; may be repeated"
    )
    parser.add_argument(
        "--connections", type=_numbers, default=(1, 16, 64), help="for the section calls (1,16,64)"
    )
    parser.add_argument(
        "--gateway",
        metavar="COMMAND",
        help="another gateway; {config}, {port} and {upstream_port} are filled in; 'none' leaves it out",
    )
    parser.add_argument(
        "--gateway-config",
        metavar="TEMPLATE",
        type=Path,
        default=BENCHES / "gateway.yaml.in",
        help="its configuration; @PORT@, @UPSTREAM_PORT@, @SERVERS@ and @DIR@ are filled in",
    )
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="where the JSON goes (the page beside it)"
    )
    return parser.parse_args()


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in text.split(","))


def _prepare(options: argparse.Namespace, directory: Path) -> Setup:
    cores = machine.two_cores()
    machine.allow_open_files()
    prepare.install_tools()
    ours = options.gateway is None
    prepare.build("toolgate-bench-upstream", *(["toolgate"] if ours else []))
    release = prepare.target_directory() / "release"
    command = f"{release / 'toolgate'} serve {{config}}" if ours else options.gateway
    # nginx's worker gives up root, and must still reach its files.
    directory.chmod(0o755)
    return Setup(
        cores=cores,
        upstream=release / "toolgate-bench-upstream",
        gateway=None if command == NO_GATEWAY else command,
        ours=ours,
        gateway_config=options.gateway_config.resolve(),
        directory=directory,
    )


def _run(options: argparse.Namespace, setup: Setup) -> int:
    pace = Pace(options.seconds or (2 if options.quick else 4), options.rounds or (3 if options.quick else 5))
    started = time.monotonic()

    def say(what: str) -> None:
        print(f"[{time.monotonic() - started:5.0f} s] {what}", file=sys.stderr, flush=True)

    wanted = options.only or [*SECTIONS, FOOTPRINT]
    sections = {
        name: rounds.run(setup, list(scenes(options.connections)), pace, say)
        for name, scenes in SECTIONS.items()
        if name in wanted
    }
    footprints = footprint.run(setup, pace, say) if FOOTPRINT in wanted else []
    facts = machine.describe() | {
        "gateway": options.gateway or "toolgate",
        "pace": f"{pace.rounds} rounds of {pace.seconds} s a cell; medians",
        "date": time.strftime("%Y-%m-%d"),
    }
    _publish(options.output, sections, footprints, facts)
    return 0 if _flawless(sections, footprints) else 1


def _publish(
    output: Path | None, sections: dict[str, list[Row]], footprints: list[Footprint], facts: dict[str, Any]
) -> None:
    page = report.markdown(sections, footprints, facts)
    print(page)
    path = output or prepare.target_directory() / "bench" / "speed.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(report.document(sections, footprints, facts), indent=1) + "\n")
    path.with_suffix(".md").write_text(page)


def _flawless(sections: dict[str, list[Row]], footprints: list[Footprint]) -> bool:
    rows = [row for rows in sections.values() for row in rows]
    problems = [row.problem for row in rows] + [footprint.problem for footprint in footprints]
    return not any(problems) and not any(sample.errors for row in rows for sample in row.samples)
