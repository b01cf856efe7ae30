"""Runs the examples one after the other; tests/examples says what is asked of each."""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from expectations import Failed, shown
from peer import PEERS
from place import Place
from readme import commands, prelude
from session import Session

ROOT = Path(__file__).parents[3]


def try_out(name, toolgate):
    """Everything that is asked of one example; returns what to print of it."""
    folder = ROOT / "examples" / name
    told = json.loads((folder / "example.json").read_text())
    every = commands((folder / "README.md").read_text())
    if not any(command.serves for command in every):
        raise Failed("README.md has no `toolgate serve`")
    seen = [f"{len(every)} commands"]
    with Place(folder, toolgate) as place:
        as_the_readme_says(place, every, told.get("commands", []))
        for command in every:
            if command.serves:
                nothing_is_found(place, command.serves)
    for peer in PEERS:
        with Place(folder, toolgate) as place:
            for command in prelude(every):
                place.run(command)
            calls = sum(Session(place, peer, told).run() for told in told["sessions"])
            seen.append(f"{calls} calls by {peer}")
    return ", ".join(seen)


def as_the_readme_says(place, every, expected):
    """Runs all commands. Each ends with 0, unless `expected` says otherwise of the lines it matches."""
    unmet = list(expected)
    for command in every:
        rules = [rule for rule in expected if rule["line"] in command.line]
        unmet = [rule for rule in unmet if rule not in rules]
        status, output = place.run(command)
        wanted = next((rule["exit"] for rule in rules if "exit" in rule), 0)
        if status is not None and status != wanted:
            raise Failed(f"`{command.line}` ended with {status}, not {wanted}:\n{output}")
        for text in (rule["shows"] for rule in rules if "shows" in rule):
            if text not in output:
                raise Failed(f"`{command.line}` does not show {text!r}:\n{output}")
    if unmet:
        raise Failed(f"README.md has no command like `{unmet[0]['line']}`")


def nothing_is_found(place, config):
    """`check` and `scan` have nothing to say of the configuration."""
    checked = place.toolgate_json("check", "--json", config)
    found = {key: checked[key] for key in ("problems", "warnings") if checked[key]}
    scanned = place.toolgate_json("scan", "--json", "--fail-on", "info", config)
    found |= {key: scanned[key] for key in ("findings", "leftOut") if scanned[key]}
    if found or not checked["ok"]:
        raise Failed(f"found in {config}: {json.dumps(found, indent=1)}")


def main():
    built = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/toolgate"
    parser = argparse.ArgumentParser()
    parser.add_argument("--toolgate", type=Path, default=built)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if not os.access(options.toolgate, os.X_OK):
        print(f"no {options.toolgate}: cargo build", file=sys.stderr)
        return 2
    declared = (ROOT / "examples").glob("*/example.json")
    names = options.names or sorted(file.parent.name for file in declared)
    failed = 0
    for name in names:
        start = time.monotonic()
        try:
            seen = try_out(name, options.toolgate.resolve())
        except (Failed, OSError, subprocess.SubprocessError) as problem:
            failed += 1
            print(f"FAIL {name}: {shown(problem)}", flush=True)
        else:
            print(f"ok   {name}: {seen} ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{len(names) - failed} passed, {failed} failed")
    return int(failed > 0 or not names)


sys.exit(main())
