"""Loops of a disassembled object file."""
import re
import subprocess

LABEL = re.compile(r"^[0-9a-f]+ <(.*)>:$")
INSTRUCTION = re.compile(r"^\s*([0-9a-f]+):\s+(\S.*)$")
TARGET = re.compile(r"0x([0-9a-f]+) <")
CALLS = ("call", "bl\t", "jal", "auipc")


def functions(objdump, path):
    """Name -> list of (address, instruction)."""
    text = subprocess.run([objdump, "-d", "--no-show-raw-insn", path], check=True, text=True,
                          stdout=subprocess.PIPE).stdout
    out, body = {}, None
    for line in text.splitlines():
        if match := LABEL.match(line):
            body = out.setdefault(match[1], [])
        elif (match := INSTRUCTION.match(line)) and body is not None:
            body.append((int(match[1], 16), match[2].replace("\t", " ")))
    return out


def innermost_loops(body):
    """The instructions of each loop without another loop inside: what a backward branch spans."""
    index = {address: i for i, (address, _) in enumerate(body)}
    loops = []
    for i, (address, instruction) in enumerate(body):
        match = TARGET.search(instruction)
        if not match or instruction.startswith(CALLS):
            continue
        start = index.get(int(match[1], 16))
        if start is not None and start <= i:
            loops.append((start, i))
    inner = [(a, b) for a, b in loops
             if not any((c, d) != (a, b) and a <= c and d <= b for c, d in loops)]
    return [[instruction for _, instruction in body[a:b + 1]] for a, b in inner]


def hottest_loop(objdump, path, pattern):
    """(function, instructions) of the innermost loop with most instructions that match."""
    best, most = ("", []), 0
    for name, body in functions(objdump, path).items():
        for loop in innermost_loops(body):
            count = sum(bool(pattern.search(instruction)) for instruction in loop)
            if count > most:
                best, most = (name, loop), count
    return best
