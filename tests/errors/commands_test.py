#!/usr/bin/env python3
"""Makes every mistake of commands/ and reads the answer.

    commands_test.py EDGECC [CASE...]

A case is a file of lines:
    run: edgecc ...     the command; fixtures.py makes the files it names, but those called absent
    exit: N             0 success, 1 results differ, 2 a mistake of the user's
    expect: TEXT        part of standard error, any number of times
    output: TEXT        part of standard output
Nothing may be left behind: neither an output nor a half-written file.
"""
import pathlib
import shlex
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from fixtures import Fixtures, Unavailable  # noqa: E402

SUFFIXES = (".onnx", ".blob", ".npy", ".txt", ".png", ".ir", ".d", ".so")


def read_case(path):
    case = {"expect": [], "output": []}
    for line in path.read_text().splitlines():
        key, _, value = line.partition(": ")
        if key in ("expect", "output"):
            case[key].append(value)
        else:
            case[key] = value
    return case


def named_files(words):
    """The files that must be there: not outputs, and not what the case says is absent."""
    names = []
    for word in words:
        name = word.rpartition("=")[2].partition("/")[0]
        if name.endswith(SUFFIXES) and not name.startswith(("absent", "out.")):
            names.append(name)
    return names


def problems_of(edgecc, case):
    words = shlex.split(case["run"])
    with tempfile.TemporaryDirectory() as folder:
        fixtures = Fixtures(edgecc, folder)
        for name in named_files(words):
            fixtures.make(name)
        before = sorted(pathlib.Path(folder).rglob("*"))
        done = subprocess.run([edgecc, *words[1:]], cwd=folder, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=60)
        left = [str(p) for p in sorted(pathlib.Path(folder).rglob("*")) if p not in before]
    problems = []
    if done.returncode != int(case["exit"]):
        problems.append(f"ended with {done.returncode}, not {case['exit']}")
    problems += [f"standard error lacks '{text}'" for text in case["expect"]
                 if text not in done.stderr]
    problems += [f"standard output lacks '{text}'" for text in case["output"]
                 if text not in done.stdout]
    if case["expect"] and "edgecc: error: " not in done.stderr:
        problems.append("the message does not say which program complains")
    if left:
        problems.append(f"left behind: {', '.join(left)}")
    if problems:
        problems.append(f"standard error was: {done.stderr.strip()}")
    return problems


def main():
    edgecc, *only = sys.argv[1:]
    edgecc = str(pathlib.Path(edgecc).resolve())
    paths = sorted((pathlib.Path(__file__).resolve().parent / "commands").glob("*.txt"))
    failed = ran = 0
    for path in paths:
        if only and path.stem not in only:
            continue
        try:
            problems = problems_of(edgecc, read_case(path))
        except Unavailable as reason:
            print(f"left out {path.stem}: {reason}")
            continue
        except subprocess.SubprocessError as error:  # of a fixture, or the time limit
            problems = [str(error)]
        ran += 1
        if problems:
            failed += 1
            print(f"FAIL {path.stem}", *problems, sep="\n     ")
    print(f"{ran - failed} of {ran} mistakes answered well")
    return 1 if failed or not ran else 0


if __name__ == "__main__":
    sys.exit(main())
