#!/usr/bin/env python3
"""Runs the RUN lines of a test file.

A line "// RUN: command" is a shell command in which %s is the file and %t a scratch file; edgecc and
FileCheck are the programs given on the command line. The test passes if every command exits with 0.
"(! edgecc ...) | FileCheck" wants edgecc to fail and FileCheck to succeed.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edgecc", required=True)
    parser.add_argument("--filecheck", required=True)
    parser.add_argument("test", type=pathlib.Path)
    arguments = parser.parse_args()
    commands = re.findall(r"^// RUN: (.*)$", arguments.test.read_text(), re.MULTILINE)
    if not commands:
        sys.exit(f"{arguments.test}: has no RUN line")
    with tempfile.TemporaryDirectory() as folder:
        values = {"%s": str(arguments.test), "%t": f"{folder}/scratch"}
        for command in commands:
            if re.match(r"! [^()]*\|", command):  # would pass whatever FileCheck says
                sys.exit(f"{arguments.test}: write (! ...) | ..., not: {command}")
            command = re.sub(r"%[st]", lambda match: values[match.group()], command)
            command = re.sub(r"\bFileCheck\b", arguments.filecheck, command)
            command = re.sub(r"(^|[|!;] *)edgecc\b", rf"\1{arguments.edgecc}", command)
            result = subprocess.run(["bash", "-o", "pipefail", "-c", command], text=True,
                                    capture_output=True)
            if result.returncode != 0:
                print(result.stdout, result.stderr, sep="\n")
                sys.exit(f"{arguments.test}: exit status {result.returncode} from: {command}")


main()
