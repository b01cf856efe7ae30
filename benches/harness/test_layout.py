"""What a wrong layout would get wrong first: which functions count, and whether the program is still itself."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from . import layout

RECORDING = """\
version: 1
events: Ir

fl=/src/lib.rs
fn=rarely
0 5
cfn=often
calls=9 0
0 9000
0 2

fn=often
0 900
* 100
fn=often'2
0 7
fn=once
0 1
totals: 10015
"""
SOURCE = """
#[unsafe(no_mangle)] #[inline(never)] pub extern "C" fn first() -> u8 { std::hint::black_box(2) }
#[unsafe(no_mangle)] #[inline(never)] pub extern "C" fn second() -> u8 { std::hint::black_box(3) }
fn main() { std::process::exit(i32::from(first() * second())) }
"""


class Layout(unittest.TestCase):
    def test_the_busiest_comes_first_and_what_is_called_counts_for_itself(self) -> None:
        self.assertEqual(layout.order([RECORDING]), ["often", "rarely", "once"])

    def test_what_runs_in_all_recordings_comes_first_and_what_runs_in_one_lies_together(self) -> None:
        other = "fn=here\n0 3\n\nfn=rarely\n0 2000\n\nfn=once\n0 1\n"

        ordered = layout.order([RECORDING, other])

        self.assertEqual(ordered, ["rarely", "once", "often", "here"])

    def test_functions_lie_as_ordered_and_the_program_does_what_it_did(self) -> None:
        with tempfile.TemporaryDirectory() as directory:
            folder = Path(directory)
            (folder / "main.rs").write_text(SOURCE)
            archive, program = folder / "link.tar", folder / "linked"
            build = ["rustc", "-Ccodegen-units=1", f"-Clink-arg=-Wl,--reproduce={archive}", "main.rs", "-o", "built"]
            subprocess.run(build, cwd=folder, check=True)
            for names in (["first", "second", "not there"], ["second", "first"]):
                layout.link(archive, names, program)

                found = addresses(program)
                self.assertEqual(sorted(found, key=found.__getitem__), names[:2])
                self.assertEqual(subprocess.run([program], check=False).returncode, 6)

            layout.link(archive, names, program, *layout.SHIPPED)
            self.assertEqual(addresses(program), {})
            self.assertEqual(subprocess.run([program], check=False).returncode, 6)


def addresses(program: Path) -> dict[str, int]:
    """Where the two functions of the source are, if the program still says so."""
    listed = subprocess.run(["nm", str(program)], capture_output=True, text=True, check=False).stdout
    lines = [line.split() for line in listed.splitlines() if line.split()[-1] in ("first", "second")]
    return {name: int(address, 16) for address, _, name in lines}
