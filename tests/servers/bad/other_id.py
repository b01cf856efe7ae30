"""Answers every call with an id that nobody used."""

from server import Server


class OtherId(Server):
    def call(self, request):
        super().call(request | {"id": "nobody's"})


OtherId().run()
