"""Never reads, so that what it is sent fills the pipe."""

import time

while True:
    time.sleep(3600)
