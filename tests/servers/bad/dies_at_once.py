"""Exits before it reads anything, as a server does whose configuration is wrong."""

import sys

sys.exit("TOKEN is not set")
