"""A terminal that commands are typed into, one after the other: variables stay from one to the next."""

import os
import re
import secrets
import select
import subprocess
import time

from expectations import Failed

SIGN_IN = re.compile(r"sign in at (http://127\.0\.0\.1:\S+)")


class Shell:
    def __init__(self, folder, environment, sign_in, patience_s):
        self._sign_in = sign_in
        self._patience_s = patience_s
        self._bash = subprocess.Popen(
            ["bash", "--norc", "--noprofile"],
            cwd=folder,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, line):
        """Types one command; returns its exit status and what it printed."""
        mark = secrets.token_hex(8)
        typed = f"{{ {line}\n}} </dev/null; printf '\\n%s %d\\n' {mark} $?\n"
        self._bash.stdin.write(typed.encode())
        self._bash.stdin.flush()
        printed, signed_in, until = "", False, time.monotonic() + self._patience_s
        end = re.compile(rf"\n{mark} (\d+)\n\Z")
        while not (ended := end.search(printed)):
            printed += self._more(line, until - time.monotonic(), printed)
            if not signed_in and (asked := SIGN_IN.search(printed)) and printed.endswith("\n"):
                signed_in = True
                self._sign_in(asked[1])
        return int(ended[1]), printed[: ended.start()]

    def close(self):
        self._bash.kill()
        self._bash.wait()

    def _more(self, line, patience_s, printed):
        out = self._bash.stdout.fileno()
        if not select.select([out], [], [], max(patience_s, 0))[0]:
            raise Failed(f"`{line}` does not end:\n{printed}")
        more = os.read(out, 65536)
        if not more:
            raise Failed(f"`{line}` ended the terminal:\n{printed}")
        return more.decode(errors="replace")
