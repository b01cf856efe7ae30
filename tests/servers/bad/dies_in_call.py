"""Exits in the middle of its first call: nobody knows whether the work was done."""

import sys

from server import Server


class DiesInCall(Server):
    def call(self, request):
        sys.exit(3)


DiesInCall().run()
