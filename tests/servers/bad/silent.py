"""Reads everything and never answers, not even the handshake."""

from server import Server


class Silent(Server):
    def answer(self, request):
        pass


Silent().run()
