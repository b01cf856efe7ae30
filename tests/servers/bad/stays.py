"""Goes on when stdin ends and when it is asked to terminate: it has to be killed."""

import signal
import time

from server import Server

signal.signal(signal.SIGTERM, signal.SIG_IGN)
Server().run()
while True:
    time.sleep(3600)
