"""What must be there first: wrk, nginx and the release builds."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .machine import Unsuitable

# Command and Debian package.
TOOLS = {"wrk": "wrk", "nginx": "nginx-light"}
INSTALL_SECONDS = 300
BUILD_SECONDS = 1800

ROOT = Path(__file__).resolve().parent.parent.parent


def target_directory() -> Path:
    """Where cargo builds, and where results go."""
    return ROOT / os.environ.get("CARGO_TARGET_DIR", "target")


def install_tools() -> None:
    """Installs the Debian packages that are missing, or says how to."""
    # Debian keeps nginx where only root looks.
    os.environ["PATH"] += os.pathsep + "/usr/sbin"
    missing = [package for command, package in TOOLS.items() if not shutil.which(command)]
    if not missing:
        return
    by_hand = f"apt-get install --no-install-recommends {' '.join(missing)}"
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise Unsuitable(f"missing: {', '.join(missing)}; install them first: {by_hand}")
    print(f"installing {', '.join(missing)}", file=sys.stderr)
    _run(["apt-get", "update", "-q"], INSTALL_SECONDS)
    _run([*by_hand.split(), "-y", "-q"], INSTALL_SECONDS)


def build(*packages: str) -> None:
    """Builds packages of the workspace in release mode."""
    _run(["cargo", "build", "--release", *(f"--package={name}" for name in packages)], BUILD_SECONDS)


def _run(command: list[str], seconds: int) -> None:
    """Runs a command whose chatter goes to standard error: standard output is for the table."""
    try:
        subprocess.run(command, cwd=ROOT, stdout=sys.stderr, timeout=seconds, check=True)
    except (subprocess.SubprocessError, FileNotFoundError) as problem:
        raise Unsuitable(f"{' '.join(command)}: {problem}") from problem
