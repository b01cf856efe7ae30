"""Processes that the benchmark starts: pinned to a core, logged to a file, always stopped."""

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

STOP_SECONDS = 5


class Failed(Exception):
    """A process did not do its part; the text says which, and what it said last."""


class Process:
    """A running command. A context manager: leaving it stops the command and its descendants."""

    def __init__(self, name: str, command: list[str], core: int, directory: Path) -> None:
        self.name = name
        self.log = directory / f"{name}.log"
        self._stopped = False
        self.started = time.monotonic()
        with self.log.open("wb") as log:
            self._child = subprocess.Popen(
                ["taskset", "-c", str(core), *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=directory,
                # A group of its own, so that stop() reaches its descendants, and Ctrl-C only us.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        """The process that was started; its descendants belong to it."""
        return self._child.pid

    def check(self) -> None:
        """Fails if the process has ended."""
        if (code := self._child.poll()) is not None:
            raise Failed(f"{self.name} ended with status {code}{self.last_words()}")

    def last_words(self) -> str:
        """The end of its log, to be put behind a message."""
        lines = self.log.read_text(errors="replace").splitlines()[-5:]
        return "".join(f"\n    {line}" for line in lines)

    def stop(self, patience: float = STOP_SECONDS) -> None:
        """Ends the process and what it started. Stopping it again does no harm."""
        if self._stopped:
            return
        self._stopped = True
        self._child.terminate()
        with suppress(subprocess.TimeoutExpired):
            self._child.wait(patience)
        # Its group lives on while a descendant does.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._child.wait()

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_ports(count: int) -> list[int]:
    """Ports of loopback that nobody listens on. Held together, so that they differ."""
    held = []
    try:
        for _ in range(count):
            held.append(socket.create_server(("127.0.0.1", 0)))
        return [server.getsockname()[1] for server in held]
    finally:
        for server in held:
            server.close()
