"""Takes a call and never answers it, though it answers everything else."""

from server import Server


class Hangs(Server):
    def call(self, request):
        pass


Hangs().run()
