"""What is a reader of a README told to type? The lines of its fenced blocks of `sh`."""

import re
from dataclasses import dataclass

STAYS = re.compile(r"toolgate serve (?P<config>\S+)|toolgate dev-issuer |python3 standin\.py")
"""What goes on until it is stopped: a reader has another terminal for it."""
INSTALLS = ("npm ", "pip ", "python3 -m venv ", ". .venv/", "cd examples/")
"""What tests/setup, and the copy that everything runs in, have done already."""


@dataclass(frozen=True)
class Command:
    """One command line, without the comment after it."""

    line: str

    @property
    def stays(self):
        return STAYS.match(self.line) is not None

    @property
    def serves(self):
        """The configuration that it serves, or None."""
        found = STAYS.match(self.line)
        return found and found["config"]


def commands(text):
    """All commands of a README, in their order."""
    every = []
    for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        lines = re.sub(r"\\\n\s*", "", block).splitlines()
        every += [re.split(r"(?:^|\s+)# ", line)[0].strip() for line in lines]
    return [Command(line) for line in every if line and not line.startswith(INSTALLS)]


def prelude(every):
    """The commands until everything that stays is there."""
    last = max(place for place, command in enumerate(every) if command.stays)
    return every[: last + 1]
