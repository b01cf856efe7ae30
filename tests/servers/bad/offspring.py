"""Starts a process of its own that outlives it, unless the whole group is ended."""

import subprocess
import sys

from server import Server

child = subprocess.Popen(
    [sys.executable, "-c", "import time; time.sleep(3600)"], stdout=subprocess.DEVNULL
)


class Offspring(Server):
    def call(self, request):
        self.result(request, {"content": [{"type": "text", "text": str(child.pid)}]})


Offspring().run()
