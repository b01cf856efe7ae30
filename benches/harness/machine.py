"""What does the kernel say? Cores, processor time and memory, read from /proc."""

import os
import platform
import resource
import subprocess
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")

# 1,000 sessions keep 1,000 connections open, and a proxy holds two for each.
OPEN_FILES = 8192


class Unsuitable(Exception):
    """The machine or its setup cannot run the benchmark; the text says what to change."""


@dataclass(frozen=True)
class Cores:
    """Which core runs what."""

    under_test: int
    everything_else: int


def two_cores() -> Cores:
    """The first two cores that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        raise Unsuitable("two cores are needed: one for the process under test, one for its load")
    return Cores(allowed[0], allowed[1])


def allow_open_files() -> None:
    """Raises the soft limit of open files for this process and its children."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < OPEN_FILES:
        raise Unsuitable(f"the limit of open files is {hard}, {OPEN_FILES} are needed (ulimit -Hn)")
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, hard))


def family(pid: int) -> list[int]:
    """The process and all its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found = [pid]
    for member in found:
        found.extend(children.get(member, []))
    return found


def cpu_seconds(pid: int) -> float:
    """Processor time of the family so far, with that of its members that have ended."""
    # utime, stime and the same of the children waited for: fields 14 to 17 of proc(5).
    ticks = sum(sum(map(int, fields[11:15])) for m in family(pid) if (fields := _stat(m)))
    return ticks / TICKS_PER_SECOND


def core_busy_seconds(core: int) -> float:
    """Processor time that anybody has spent on one core, stolen time included."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *numbers = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, numbers[:8])
            return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
    raise Unsuitable(f"/proc/stat does not list core {core}")


def resident_kib(pid: int) -> int:
    """Resident memory of the family. Pages that members share count once for each of them."""
    return sum(_status_kib(member, "VmRSS") for member in family(pid))


def anonymous_kib(pid: int) -> int:
    """What of it belongs to the family alone and no file could give back: heaps and stacks. The rest
    is code that the system holds once, however many run it, and drops when memory is short."""
    return sum(_status_kib(member, "RssAnon") for member in family(pid))


def peak_kib(pid: int) -> int:
    """The most resident memory that each member of the family ever had, added up."""
    return sum(_status_kib(member, "VmHWM") for member in family(pid))


def describe() -> dict[str, str]:
    """The machine and the tools, for the head of the report."""
    cpu = Path("/proc/cpuinfo").read_text().partition("model name")[2].partition("\n")[0]
    return {
        "processor": cpu.strip(" \t:") or platform.machine(),
        "cores": str(os.cpu_count()),
        "kernel": platform.release(),
        "nginx": _first_line(["nginx", "-v"]).removeprefix("nginx version: "),
        "wrk": " ".join(_first_line(["wrk", "-v"]).split()[:2]).removeprefix("wrk "),
    }


def _first_line(command: list[str]) -> str:
    # Both tools print their version on standard error, and wrk then exits with 1.
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=10, check=False
    )
    return done.stdout.partition("\n")[0].strip()


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on, or nothing if the process is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    # The name before them may hold spaces and brackets.
    return text.rpartition(")")[2].split()


def _status_kib(pid: int, key: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), 0)
