"""The servers of the published benchmark and its virtual users, as `benches/servers` builds them."""

import json
import subprocess
import time
from pathlib import Path

from .process import Failed, Process

PACKAGE = "toolgate-bench-servers"
# In the same package, with nothing of this library in it.
SDK = "toolgate-bench-sdk"
START_SECONDS = 20


def commands(binary: Path) -> dict[str, list[str]]:
    """The servers in Rust, by name. `{port}` and `{stub}` are still to be filled in."""
    ours = {
        kind: [str(binary), kind, "--port", "{port}", "--stub", "{stub}"] for kind in ("native", "hosted")
    }
    return ours | {"rmcp": [str(binary.with_name(SDK)), "{port}", "{stub}"]}


def fill(command: list[str], port: int, stub: int) -> list[str]:
    """A command with its ports."""
    return [word.format(port=port, stub=stub) for word in command]


def load(binary: Path, core: int, port: int, users: int, think: int, seconds: int) -> dict:
    """Runs the virtual users and returns what they saw."""
    words = ["load", "--port", port, "--users", users, "--think-ms", think, "--seconds", seconds]
    done = subprocess.run(
        ["taskset", "-c", str(core), str(binary), *map(str, words)],
        capture_output=True,
        text=True,
        timeout=seconds + 60,
        check=True,
    )
    return json.loads(done.stdout)


def ready(process: Process, binary: Path, core: int, port: int, patience: float = START_SECONDS) -> None:
    """Waits until a server answers, and warms it up."""
    until = time.monotonic() + patience
    while True:
        process.check()
        if load(binary, core, port, 1, 0, 1)["failures"] == 0:
            return
        if time.monotonic() > until:
            raise Failed(f"{process.name} does not answer{process.last_words()}")
