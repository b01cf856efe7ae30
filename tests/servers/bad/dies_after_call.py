"""Exits right after its first answer to a call."""

import sys

from server import Server


class DiesAfterCall(Server):
    def call(self, request):
        super().call(request)
        sys.exit(3)


DiesAfterCall().run()
