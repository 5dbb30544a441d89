#!/usr/bin/env python3
"""Checks that the man page and the shell completions know the options that --help prints.

    options_test.py EDGECC SOURCE_DIR

Neither may lack an option, or name one that no command has; bash's must give each command its own.
"""
import pathlib
import re
import subprocess
import sys

COMMANDS = ["", "run", "bench", "diff", "inspect", "verify", "opt", "ops", "explore", "share"]
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def options_of(edgecc, command):
    text = subprocess.run([edgecc, *command.split(), "--help"], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    # Options begin a line or follow a short form; help texts may mention others.
    return {match for line in text.splitlines()
            for match in re.findall(r"^  (?:-\w,)?(--[a-z][a-z-]*)", line)}


def completed_by_bash(path, command):
    """What bash offers after `edgecc COMMAND --`."""
    words = ["edgecc", *command.split(), "--"]
    script = (f"source {path}; COMP_WORDS=({' '.join(words)}); COMP_CWORD={len(words) - 1}; "
              "_edgecc; printf '%s\\n' \"${COMPREPLY[@]}\"")
    return set(subprocess.run(["bash", "--norc", "-c", script], check=True, text=True,
                              stdout=subprocess.PIPE).stdout.split())


def main():
    edgecc, source = sys.argv[1], pathlib.Path(sys.argv[2])
    per_command = {command: options_of(edgecc, command) for command in COMMANDS}
    every = set().union(*per_command.values())
    bash, zsh = (source / "scripts/completion" / name for name in ("edgecc.bash", "_edgecc"))
    manual = (source / "docs/edgecc.1").read_text().replace("\\-", "-")
    problems = [f"edgecc {command} --help lists nothing" for command in COMMANDS
                if len(per_command[command]) < 2]
    for name, text in (("man page", manual), ("zsh completion", zsh.read_text())):
        named = set(OPTION.findall(text))
        problems += [f"the {name} lacks {option}" for option in sorted(every - named)]
        problems += [f"the {name} has {option}, which no command takes"
                     for option in sorted(named - every)]
    for command, options in per_command.items():
        offered = completed_by_bash(bash, command)
        problems += [f"bash completion of '{command}' lacks {option}"
                     for option in sorted(options - offered)]
        problems += [f"bash completion of '{command}' offers {option}, which it does not take"
                     for option in sorted(offered - options)]
    print(*problems, sep="\n")
    print(f"{sum(map(len, per_command.values()))} options of {len(COMMANDS)} commands checked")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
