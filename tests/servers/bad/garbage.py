"""Prints on stdout what is no message, as servers do that log there: text, JSON, broken UTF-8."""

import sys

from server import Server


class Garbage(Server):
    def answer(self, request):
        for line in (b"Server is ready.", b"", b"[]", b'{"level":"info"}', b"\xff\xfe\x00"):
            sys.stdout.buffer.write(line + b"\n")
        sys.stdout.flush()
        super().answer(request)


Garbage().run()
