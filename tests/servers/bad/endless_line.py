"""Answers a call with a line that never ends: whoever waits for its end runs out of memory."""

import sys

from server import Server

CHUNK = "x" * 65536


class EndlessLine(Server):
    def call(self, request):
        while True:
            sys.stdout.write(CHUNK)


EndlessLine().run()
