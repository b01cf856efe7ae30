"""One of the official clients, as a process that is asked line by line."""

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from expectations import Failed

ROOT = Path(__file__).parents[3]
PATIENCE_S = 60
PEERS = {
    "python": [sys.executable, ROOT / "tests/python/examples/client.py"],
    "typescript": [
        ROOT / "tests/node/node_modules/node/bin/node",
        ROOT / "tests/node/examples/client.mjs",
    ],
}


class Peer:
    """A client that is connected to `url`, with a `token` or None, whose user accepts what servers ask with
    `answers`; with None it cannot be asked. The first line that it reads holds both.

    Each question is one line of JSON, and so is each answer: `{"list": true}` gives `tools`, `resources`,
    `templates` and `prompts`; `call`, `prompt` (`with` arguments) or `read` gives `result` or `error`."""

    def __init__(self, name, url, token, answers):
        self._name = name
        self._errors = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [*PEERS[name], url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._send({"token": token, "answers": answers})

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._errors.close()

    def ask(self, question):
        """The answer to one question."""
        self._send(question)
        # A client that hangs is ended, which ends the wait for its line.
        timer = threading.Timer(PATIENCE_S, self._process.kill)
        timer.start()
        line = self._process.stdout.readline()
        timer.cancel()
        if not line:
            self._errors.seek(0)
            raise Failed(f"{self._name} gave up at {json.dumps(question)}:\n{self._errors.read()}")
        return json.loads(line)

    def _send(self, message):
        # What keeps a client from reading is told by its next answer, or the lack of one.
        try:
            self._process.stdin.write(json.dumps(message) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
