"""Writes 16 MiB to stderr before every answer: it stands still where nobody reads them."""

import sys

from server import Server

LINES = 16 * 1024
LINE = "x" * 1023


class FloodsStderr(Server):
    def answer(self, request):
        for _ in range(LINES):
            print(LINE, file=sys.stderr)
        super().answer(request)


FloodsStderr().run()
