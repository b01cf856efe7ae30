"""Exits on any request before the handshake, as some servers of 2025 do when they are probed."""

import sys

from server import Server


class DiesOfProbe(Server):
    ready = False

    def answer(self, request):
        self.ready = self.ready or request["method"] == "initialize"
        if not self.ready:
            sys.exit(3)
        super().answer(request)


DiesOfProbe().run()
