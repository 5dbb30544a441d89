#!/usr/bin/env python3
"""Checks which room includes which, and that files stay readable in length.

driver -> {frontend, passes, backends} -> ir -> runtime/numerics. The runtime knows nobody; backends
do not know each other, and device code alone may know the emulator. tests, bench and examples may
include anything.
"""
import pathlib
import re
import subprocess
import sys

ALLOWED = {
    "runtime": {"runtime"},
    "ir": {"ir", "runtime/numerics"},
    "frontend": {"frontend", "ir", "runtime/numerics"},
    "passes": {"passes", "ir", "runtime/numerics"},
    "backends/reference": {"backends/reference", "ir", "runtime/numerics"},
    "backends/native": {"backends/native", "ir", "runtime/numerics", "runtime/include"},
    "backends/device": {"backends/device", "ir", "runtime/numerics", "runtime/emulator"},
    "driver": {"driver", "frontend", "passes", "backends", "ir", "runtime"},
}
MAX_LINES = 600
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)
ROOMS = ("runtime", "ir", "frontend", "passes", "backends", "driver", "tests", "bench")


def room_of(path):
    for room in sorted(ALLOWED, key=len, reverse=True):
        if path.startswith(room + "/"):
            return room
    return None


def main():
    root = pathlib.Path(__file__).resolve().parent.parent
    files = subprocess.run(["git", "ls-files", "*.cpp", "*.h", "*.c"], cwd=root, check=True,
                           capture_output=True, text=True).stdout.split()
    problems = []
    for name in files:
        text = (root / name).read_text(encoding="utf-8")
        lines = text.count("\n")
        if lines > MAX_LINES:
            problems.append(f"{name}: {lines} lines, more than {MAX_LINES}: split it")
        room = room_of(name)
        if room is None:
            continue
        for included in INCLUDE.findall(text):
            if not included.startswith(ROOMS):
                continue  # a public or generated header
            if not any(included.startswith(ok + "/") for ok in ALLOWED[room]):
                problems.append(f"{name}: includes {included}, which {room} may not know")
    for problem in problems:
        print(problem, file=sys.stderr)
    print(f"layers: {len(files)} files checked, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
