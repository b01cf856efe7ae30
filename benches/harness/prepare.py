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
# One program on one processor, with all that it could be optimised with.
LAYOUT_SECONDS = 5400

ROOT = Path(__file__).resolve().parent.parent.parent


def target_directory(project: Path = ROOT) -> Path:
    """Where cargo builds, and where results go."""
    return project / os.environ.get("CARGO_TARGET_DIR", "target")


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


def build_to_link_again(project: Path, package: str, program: str, archive: Path) -> None:
    """Builds a program in release mode, with its symbols, and keeps what its linker was given."""
    command = ["cargo", "rustc", "--release", "--package", package, "--bin", program, "--"]
    command += ["-C", "strip=none", "-C", f"link-arg=-Wl,--reproduce={archive.resolve()}"]
    _run(command, LAYOUT_SECONDS, project)
    if not archive.exists():
        raise Unsuitable(f"{archive} was not written: this needs Linux on x86-64 and Rust 1.90 or newer")


def _run(command: list[str], seconds: int, project: Path = ROOT) -> None:
    """Runs a command whose chatter goes to standard error: standard output is for the table."""
    try:
        subprocess.run(command, cwd=project, stdout=sys.stderr, timeout=seconds, check=True)
    except (subprocess.SubprocessError, FileNotFoundError) as problem:
        raise Unsuitable(f"{' '.join(command)}: {problem}") from problem
