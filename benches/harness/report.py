"""Medians, ratios to a reference, and the two forms of the result: a page for people, JSON for tools."""

import statistics
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import Any

from .footprint import Footprint
from .load import Sample
from .rounds import Row
from .scenes import SECTIONS

# Below this share of its core, a target was waiting for the load generator or the upstream.
SATURATED = 0.9
# Above this share of the core, other processes have blurred everything but ratios of CPU time.
NOISY = 0.1


ROW_HEAD = (
    "",
    "target",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "CPU µs",
    "busy",
    "RSS MiB",
    "list ms",
    "errors",
)
RATIOS = {"per_second": "requests/s", "p50_us": "p50", "p99_us": "p99", "cpu_us": "CPU"}
FOOTPRINT_HEAD = (
    "target",
    "start ms",
    "all tools called ms",
    "idle MiB",
    "64 connections MiB",
    "peak MiB",
    "1,000 sessions MiB",
    "a session KiB",
)


def medians(samples: list[Sample]) -> dict[str, float]:
    """The median of each number over the rounds; errors are added up."""
    found = {f.name: statistics.median(getattr(s, f.name) for s in samples) for f in fields(Sample)}
    return found | {"errors": sum(sample.errors for sample in samples)}


def ratios(samples: list[Sample], reference: list[Sample]) -> dict[str, float]:
    """The median of the ratios within each round, which noise between the rounds does not reach."""
    pairs = [
        (s, r) for s, r in zip(samples, reference, strict=False) if all(getattr(r, name) for name in RATIOS)
    ]
    if not pairs:
        return {}
    return {name: statistics.median(getattr(s, name) / getattr(r, name) for s, r in pairs) for name in RATIOS}


def markdown(sections: dict[str, list[Row]], footprints: list[Footprint], run: dict[str, Any]) -> str:
    """The page."""
    parts = ["# Speed", _facts(run)]
    for name, rows in sections.items():
        parts += [f"## {name}", SECTIONS[name].__doc__ or "", _table(_row_head(rows), _lines(rows))]
    if footprints:
        lines = [_footprint_line(f) for f in footprints if not f.problem]
        parts += ["## footprint", _table(FOOTPRINT_HEAD, lines)]
    problems = [row for rows in sections.values() for row in rows if row.problem]
    parts += [f"**{row.title}, {row.target}:** {row.problem}" for row in problems]
    parts += [f"**footprint, {f.target}:** {f.problem}" for f in footprints if f.problem]
    parts += _cautions([s for rows in sections.values() for row in rows for s in row.samples])
    return "\n\n".join(parts) + "\n"


def document(
    sections: dict[str, list[Row]], footprints: list[Footprint], run: dict[str, Any]
) -> dict[str, Any]:
    """The same and every sample, for JSON."""
    return {
        "run": run,
        "sections": {name: [_row(row, rows) for row in rows] for name, rows in sections.items()},
        "footprint": [asdict(footprint) for footprint in footprints],
    }


def _row(row: Row, rows: list[Row]) -> dict[str, Any]:
    summary = medians(row.samples) if row.samples else {}
    return asdict(row) | {"median": summary, "versus_reference": ratios(row.samples, _reference(row, rows))}


def _reference(row: Row, rows: list[Row]) -> list[Sample]:
    """The reference's samples of the same scene."""
    return next((r.samples for r in rows if r.title == row.title and r.target == row.reference), [])


def _row_head(rows: list[Row]) -> list[str]:
    """One section has one reference."""
    reference = rows[0].reference if rows else ""
    return [*ROW_HEAD, *(f"{label} ÷ {reference}" for label in RATIOS.values())]


def _lines(rows: list[Row]) -> Iterable[list[str]]:
    for row in rows:
        if not row.samples:
            continue
        m = medians(row.samples)
        versus = {} if row.target == row.reference else ratios(row.samples, _reference(row, rows))
        yield [
            row.title,
            row.target,
            f"{m['per_second']:,.0f}",
            f"{m['p50_us'] / 1e3:.3f}",
            f"{m['p99_us'] / 1e3:.3f}",
            f"{m['cpu_us']:,.1f}",
            f"{m['busy']:.0%}",
            f"{m['resident_kib'] / 1024:.1f}",
            "" if row.list_ms is None else f"{row.list_ms:.1f}",
            f"{m['errors']:,.0f}",
            *(f"{versus[name]:.2f}" if versus else "" for name in RATIOS),
        ]


def _footprint_line(footprint: Footprint) -> list[str]:
    n = footprint.numbers
    sizes = (n.idle_kib, n.busy_kib, n.peak_kib, n.sessions_kib)
    return [
        footprint.target,
        f"{n.start_ms:.0f}",
        f"{n.first_call_ms:.0f}",
        *(f"{kib / 1024:.1f}" for kib in sizes),
        f"{(n.sessions_kib - n.idle_kib) / 1000:.1f}",
    ]


def _facts(run: dict[str, Any]) -> str:
    return "\n".join(f"- {name}: {value}" for name, value in run.items())


def _cautions(samples: list[Sample]) -> list[str]:
    """What the reader must know before believing the numbers."""
    found = []
    if any(sample.busy < SATURATED for sample in samples):
        found.append(
            f"Where *busy* is below {SATURATED:.0%}, the target was waiting: for the only connection, "
            "for the load generator or for the upstream. Compare CPU there, not requests/s."
        )
    noisy = sum(sample.foreign > NOISY for sample in samples)
    if noisy:
        found.append(
            f"**Noise:** in {noisy} of {len(samples)} samples other processes took more than {NOISY:.0%} of "
            "the core under test. Ratios of CPU stand; requests/s and latencies are blurred."
        )
    return found


def _table(head: Iterable[str], lines: Iterable[list[str]]) -> str:
    cells = [list(head), *lines]
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    rule = ["-" * (width - 1) + ":" for width in widths]
    padded = (map(str.rjust, line, widths) for line in (cells[0], rule, *cells[1:]))
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)
