#!/usr/bin/env python3
"""Looks at the instructions in the hottest loop of contraction kernels.

    disassembly_test.py EDGECC OBJDUMP TARGET CPU

The loop must hold the multiply-accumulate instruction of that CPU level in its full vector width,
enough accumulators to hide its latency, and no accumulator or operand that went through the stack.
"""
import pathlib
import re
import sys
import tempfile
from subprocess import run

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from listing import hottest_loop  # noqa: E402
from models import DEPTHWISE_MODELS, FLOAT_MODELS, INTEGER_MODELS  # noqa: E402


class Level:
    def __init__(self, multiply_add, integer, destination, spill):
        self.multiply_add = re.compile(multiply_add)
        # of 8-bit integers, widened where there is no dot product; None: not checked
        self.integer = re.compile(integer) if integer else None
        self.destination = re.compile(destination)  # group 1 is the register that is written
        self.spill = re.compile(spill)


def x86(multiply_add, integer):
    # The destination is the last operand; a vector register beside an address in the stack is a
    # spill, also as an operand of the arithmetic.
    return Level(multiply_add, integer, r"%([xyz]mm\d+)(?: \{.*\})*(?: *#.*)?$",
                 r"^(?=.*%[xyz]mm)(?=.*\(%rsp)")


def arm(integer):
    return Level(r"^fmla v\d+\.4s", integer, r"^\S+ (v\d+)", r"^(ld|st)[pur]* [qvds]\d+.*\[sp")


LEVELS = {
    "avx2": x86(r"^vfmadd\d+ps .*%ymm", r"^vpmaddwd .*%ymm"),
    "avxvnni": x86(r"^vfmadd\d+ps .*%ymm", r"^(\{vex\} *)?vpdpbusds? .*%ymm"),
    "avx512": x86(r"^vfmadd\d+ps .*%zmm", r"^vpmaddwd .*%zmm"),
    "avx512vnni": x86(r"^vfmadd\d+ps .*%zmm", r"^vpdpbusds? .*%zmm"),
    "neon": arm(r"^sadalp v\d+\.4s"),
    "i8mm": arm(r"^(smmla|usmmla) v\d+\.4s"),
    "dotprod": arm(r"^(sdot|udot|usdot) v\d+\.4s"),
    # Whole registers go to memory for spills only, all else has an element width.
    "rv64gcv": Level(r"^vfm(acc|add)\.v[vf]", None, r"^\S+ (v\d+)",
                     r"^v[ls]\d+r(e\d+)?\.v|^vs[et]\d+\.v .*\(sp\)"),
    "rv64gc": Level(r"^fmadd\.s", None, r"^\S+ (f\w+)", r"^f[ls][wd] .*\(sp\)"),
}
MIN_ACCUMULATORS = 8  # two multiply-adds a cycle, four cycles of latency
ANY = 1  # depthwise taps are added to one accumulator in a written order; vpmaddwd does not add


def problems_of(loop, wanted, level, accumulators):
    hits = [instruction for instruction in loop if wanted.search(instruction)]
    if not hits:
        return [f"no loop holds {wanted.pattern}"]
    registers = {level.destination.search(instruction)[1] for instruction in hits}
    found = []
    if len(registers) < accumulators:
        found.append(f"{len(registers)} accumulators, fewer than {accumulators}")
    spills = [instruction for instruction in loop if level.spill.search(instruction)]
    if spills:
        found.append(f"{len(spills)} of {len(loop)} instructions are spills: {'; '.join(spills)}")
    return found


def main():
    edgecc, objdump, target, cpu = sys.argv[1:]
    level = LEVELS[cpu]
    tests = [(FLOAT_MODELS, level.multiply_add, MIN_ACCUMULATORS),
             (DEPTHWISE_MODELS, level.multiply_add, ANY)]
    if level.integer:
        adds = "vpmaddwd" not in level.integer.pattern
        tests.append((INTEGER_MODELS, level.integer, MIN_ACCUMULATORS if adds else ANY))
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        for models, wanted, accumulators in tests:
            for name, make in models.items():
                # Scalar registers do not hold the factors of the transformation, too.
                if cpu == "rv64gc" and name == "winograd_3x3":
                    continue
                model = make().write(f"{folder}/{name}.onnx")
                output = f"{folder}/{name}.o"
                exact = [] if name.startswith("winograd") else ["--exact"]
                run([edgecc, model, "-o", output, "--emit", "obj", "--target", target, "--cpu", cpu,
                     "-q", *exact], check=True)
                function, loop = hottest_loop(objdump, output, wanted)
                problems = problems_of(loop, wanted, level, accumulators)
                count = sum(bool(wanted.search(instruction)) for instruction in loop)
                print(f"{'FAIL' if problems else 'ok  '} {cpu} {name}: {count} of {len(loop)} "
                      f"instructions in {function or 'no function'}")
                for problem in problems:
                    print("    ", problem)
                failed |= bool(problems)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
