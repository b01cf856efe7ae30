"""Lays out a program: functions that run lie side by side.

A program on this library runs a tenth of its code, scattered over all of it, and the kernel maps 64 KiB around
each page that runs. A run under Valgrind tells which functions those are; the linker, which needs nothing
compiled again for it, then puts them together.
"""

import os
import re
import shutil
import stat
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from . import prepare
from .machine import Unsuitable

# What the program is linked with beside the order: relative relocations packed (glibc 2.36), no symbols.
SHIPPED = ("-z", "pack-relative-relocs", "--strip-all")
# Uses the program at this path for a while, and ends it politely: what it says then is the recording.
Train = Callable[[Path], None]


def lay_out(project: Path, package: str, program: str, train: Train, folder: Path) -> Path:
    """Builds a program, trains it, and returns where the one with its functions in order is."""
    if not shutil.which("valgrind"):
        raise Unsuitable("missing: valgrind; install it first: apt-get install --no-install-recommends valgrind")
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="toolgate-layout-") as directory:
        # An archive that no build had makes cargo link again, whatever it built before.
        archive, recordings = Path(directory) / "link.tar", Path(directory) / "recordings"
        recordings.mkdir()
        prepare.build_to_link_again(project, package, program, archive)
        train(traced(prepare.target_directory(project) / "release" / program, recordings))
        names = order(path.read_text() for path in sorted(recordings.glob("callgrind.*")))
        if not names:
            raise Unsuitable(f"{program} left no recording: was it started, and ended with SIGTERM?")
        laid_out = folder / program
        link(archive, names, laid_out, *SHIPPED)
    return laid_out


def traced(program: Path, recordings: Path) -> Path:
    """A script that runs a program as it is called, and records which of its functions run."""
    script = recordings / program.name
    options = "--tool=callgrind --demangle=no --compress-strings=no --quiet"
    file = f"--callgrind-out-file={recordings}/callgrind.%p"
    script.write_text(f'#!/bin/sh\nexec valgrind {options} {file} {program} "$@"\n')
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return script


def order(recordings: Iterable[str]) -> list[str]:
    """The linker's names of all functions in the recordings.

    What runs in all of them comes first, and what runs in one alone lies together: a program that is used in one
    way does without the rest. Among those the busiest come first.
    """
    ran: dict[str, list[int]] = {}
    total: Counter[str] = Counter()
    for number, recording in enumerate(recordings):
        for name, cost in costs(recording).items():
            ran.setdefault(name, []).append(number)
            total[name] += cost
    return sorted(total, key=lambda name: (-len(ran[name]), ran[name], -total[name], name))


def costs(recording: str) -> Counter[str]:
    """How many instructions each function took in a recording.

    The format is Callgrind's: after `fn=NAME`, lines of a position and a cost, and after each `calls=` one line
    with the cost of what was called.
    """
    found: Counter[str] = Counter()
    name, is_callee = "", False
    for line in recording.splitlines():
        if line.startswith("fn="):
            # A function that calls itself is recorded as NAME, NAME'2 and so on.
            name, is_callee = re.sub(r"'\d+$", "", line.removeprefix("fn=")), False
        elif line.startswith("calls="):
            is_callee = True
        elif name and re.fullmatch(r"[+\-*\d]\S* \d+", line):
            found[name] += 0 if is_callee else int(line.split()[1])
            is_callee = False
    return found


def link(archive: Path, names: list[str], program: Path, *options: str) -> None:
    """Links what the archive of a former link holds (`--reproduce`) again, in this order."""
    with tempfile.TemporaryDirectory(prefix="toolgate-link-") as directory:
        with tarfile.open(archive) as files:
            files.extractall(directory, filter="data")
        [response] = Path(directory).glob("*/response.txt")
        # The linker takes paths to be within the archive, and names that it does not know in good part.
        (response.parent / "order.txt").write_text("\n".join(names) + "\n")
        ordered = ("--symbol-ordering-file=order.txt", "--no-warn-symbol-ordering")
        command = [str(_linker()), "@response.txt", *ordered, *options, "-o", str(program.resolve())]
        done = subprocess.run(command, cwd=response.parent, capture_output=True, text=True, check=False)
        if done.returncode:
            raise Unsuitable(f"the linker failed: {done.stderr[-2000:]}")


def _linker() -> Path:
    """The linker that comes with Rust, and that it links with on this machine since 1.90."""
    ask = ["rustc", "--print", "target-libdir"]
    done = subprocess.run(ask, cwd=prepare.ROOT, capture_output=True, text=True, check=True)
    linker = Path(done.stdout.strip()).parent / "bin/gcc-ld/ld.lld"
    if not os.access(linker, os.X_OK):
        raise Unsuitable(f"{linker} is missing: this needs Linux on x86-64 and Rust 1.90 or newer")
    return linker
