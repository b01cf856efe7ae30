"""A fresh copy of an example, with addresses of its own and a terminal in it."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from browser import Browser
from expectations import Failed
from shell import Shell

ROOT = Path(__file__).parents[3]
NODE_MODULES = ROOT / "tests/node/node_modules"
PATIENCE_S = 60
"""Nothing that works takes longer."""
TRIED = ("node_modules", ".venv", "keys.yaml", "*.key", "*.sqlite*", ".index", "audit.jsonl*")
"""What somebody who tried an example leaves in its folder."""
ADDRESS = re.compile(r"127\.0\.0\.1:(\d{4,5})\b")


class Place:
    """Everything that is started here ends with it."""

    def __init__(self, example, toolgate):
        self.folder = Path(tempfile.mkdtemp(prefix=f"example-{example.name}-"))
        self._toolgate = toolgate
        self._ports = {}
        self._running = []
        self._logs = self.folder / ".logs"
        fresh = shutil.ignore_patterns(*TRIED)
        shutil.copytree(example, self.folder, dirs_exist_ok=True, ignore=fresh)
        self._logs.mkdir()
        self._move()
        (self.folder / "node_modules").symlink_to(NODE_MODULES)
        self._environment = self._made_environment()
        self._shell = Shell(self.folder, self._environment, Browser().signs_in, PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._shell.close()
        for process in reversed(self._running):
            _end(process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def run(self, command):
        """Runs a command: returns its status and what it printed, or (None, "") if it stays."""
        if command.stays:
            self._start(self.address(command.line))
            return None, ""
        return self._shell.run(self.address(command.line))

    def variable(self, name):
        """The value of a variable of the terminal."""
        return self._shell.run(f'printf %s "${{{name}:?}}"')[1]

    def address(self, text):
        """The text with the addresses of this copy."""
        return ADDRESS.sub(lambda found: f"127.0.0.1:{self._port(found[1])}", text)

    def toolgate_json(self, *arguments):
        """What `toolgate` prints with these arguments."""
        done = subprocess.run(
            [self._toolgate, *arguments],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            timeout=PATIENCE_S,
            text=True,
        )
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            raise Failed(f"toolgate {arguments[0]}: {done.stdout}{done.stderr}") from None

    def _port(self, number):
        if number not in self._ports:
            with socket.socket() as free:
                free.bind(("127.0.0.1", 0))
                self._ports[number] = free.getsockname()[1]
        return self._ports[number]

    def _move(self):
        """Puts the addresses of this copy into all its files."""
        for file in self.folder.rglob("*"):
            if file.is_file() and b"127.0.0.1:" in (raw := file.read_bytes()):
                file.write_text(self.address(raw.decode()))

    def _made_environment(self):
        """That of this process without its credentials, with the programs that were set up first."""
        programs = self._logs / "bin"
        programs.mkdir()
        (programs / "toolgate").symlink_to(self._toolgate)
        first = [programs, NODE_MODULES / "node/bin", ROOT / ".cache/venv-2x/bin"]
        kept = {name: os.environ[name] for name in ("HOME", "LANG", "TMPDIR") if name in os.environ}
        path = os.pathsep.join([*map(str, first), os.environ["PATH"]])
        # The index of a knowledge base and what was signed in to stay in this copy.
        return kept | {"PATH": path, "XDG_STATE_HOME": str(self._logs / "state")}

    def _start(self, line):
        """Starts what stays, and waits until one more of the addresses is listened to."""
        before = self._listening()
        log = (self._logs / f"{len(self._running)}.log").open("wb")
        process = subprocess.Popen(
            ["bash", "-c", f"exec {line}"],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        self._running.append(process)
        until = time.monotonic() + PATIENCE_S
        while not self._listening() - before:
            if process.poll() is not None or time.monotonic() > until:
                raise Failed(f"`{line}` does not listen:\n{Path(log.name).read_text()}")
            time.sleep(0.05)

    def _listening(self):
        return {port for port in self._ports.values() if _answers(port)}


def _answers(port):
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def _end(process):
    """Asks a process to end, and makes its group end after five seconds."""
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
