"""Does everything right: what its neighbours do wrong must not reach it."""

from server import Server

Server().run()
