"""What a wrong benchmark would get wrong first: ratios, clocks, leftovers. Run by `python3 -m unittest`."""

import subprocess
import tempfile
import time
import unittest
from pathlib import Path

from . import machine, mcp, report
from .load import Sample
from .process import Failed, Process, free_ports
from .rounds import Row


def sample(per_second: float, cpu_us: float = 10, errors: int = 0) -> Sample:
    return Sample(per_second, 100, 200, cpu_us, busy=0.95, foreign=0, resident_kib=1024, errors=errors)


class Report(unittest.TestCase):
    def test_ratios_are_taken_within_each_round(self) -> None:
        # The machine halves its speed in the second round, and doubles it in the third.
        nginx = [sample(1000), sample(500), sample(2000)]
        gateway = [sample(900), sample(450), sample(1800)]

        self.assertAlmostEqual(report.ratios(gateway, nginx)["per_second"], 0.9)

    def test_one_bad_round_moves_neither_median_nor_ratio(self) -> None:
        nginx = [sample(1000), sample(1000), sample(1000)]
        gateway = [sample(800), sample(10), sample(800)]

        self.assertEqual(report.medians(gateway)["per_second"], 800)
        self.assertAlmostEqual(report.ratios(gateway, nginx)["per_second"], 0.8)

    def test_errors_of_all_rounds_are_added_up(self) -> None:
        rounds = [sample(1000, errors=2), sample(1000), sample(1000)]

        self.assertEqual(report.medians(rounds)["errors"], 2)

    def test_a_row_that_broke_off_says_why(self) -> None:
        rows = [Row("modern, 1", "nginx", "nginx", [sample(1000)]), Row("modern, 1", "gateway", "nginx", problem="it left")]

        page = report.markdown({"calls": rows}, [], {})

        self.assertIn("**modern, 1, gateway:** it left", page)


class Machine(unittest.TestCase):
    def test_the_time_of_children_counts_even_when_they_have_ended(self) -> None:
        burn = "import time\nwhile time.process_time() < 0.2: pass"
        script = (
            f"import subprocess, sys, time\nsubprocess.run([sys.executable, '-c', {burn!r}])\ntime.sleep(60)"
        )
        with tempfile.TemporaryDirectory() as directory:
            with Process(
                "parent", ["python3", "-c", script], machine.two_cores().under_test, Path(directory)
            ) as p:
                deadline = time.monotonic() + 20
                while (spent := machine.cpu_seconds(p.pid)) < 0.2 and time.monotonic() < deadline:
                    time.sleep(0.02)
                while len(machine.family(p.pid)) > 1 and time.monotonic() < deadline:
                    time.sleep(0.02)
                self.assertGreaterEqual(machine.cpu_seconds(p.pid), spent)
                self.assertGreaterEqual(spent, 0.2)

    def test_stopping_a_process_stops_what_it_started(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            shell = ["sh", "-c", "trap '' TERM; sleep 60 & echo started; exec sleep 0.2"]
            with Process("shell", shell, machine.two_cores().under_test, Path(directory)) as process:
                deadline = time.monotonic() + 10
                while len(family := machine.family(process.pid)) < 2 and time.monotonic() < deadline:
                    time.sleep(0.01)
            self.assertEqual(len(family), 2)
            for pid in family:
                self.assertFalse(_alive(pid))

    def test_a_process_that_ended_is_quoted(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            shell = ["sh", "-c", "echo no such file; exit 3"]
            with Process("shell", shell, machine.two_cores().under_test, Path(directory)) as process:
                with self.assertRaisesRegex(Failed, "status 3\n    no such file"):
                    deadline = time.monotonic() + 10
                    while time.monotonic() < deadline:
                        process.check()

    def test_free_ports_differ(self) -> None:
        self.assertEqual(len(set(free_ports(100))), 100)


class Client(unittest.TestCase):
    def test_a_reply_is_read_from_json_and_from_a_stream(self) -> None:
        progress = b'data: {"method":"notifications/progress"}\n\n'
        for body in (b'{"result":{}}', b"id: 1\ndata:\n\n" + progress + b'data: {"result":{}}\n\n'):
            self.assertEqual(mcp._message(body), {"result": {}})


def _alive(pid: int) -> bool:
    """Zombies, which wait for a parent that never asks, count as dead."""
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout.strip()[:1] not in ("", "Z")
