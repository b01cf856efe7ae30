"""Answers every call twice, and differently."""

from server import Server


class Twice(Server):
    def call(self, request):
        super().call(request)
        self.result(request, {"content": [{"type": "text", "text": "done again"}]})


Twice().run()
