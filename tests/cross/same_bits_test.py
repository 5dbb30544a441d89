#!/usr/bin/env python3
"""Checks that all targets with fused multiply-add compute the same bits.

    same_bits_test.py EDGECC CLANG LLD SOURCE_DIR

The order of summation is part of the layer's meaning and functions are emitted from one definition,
so neither the width of vectors nor the architecture shows in the results. Exit codes: 0 the same,
1 different, 77 this machine runs fewer than two of the levels.
"""
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True
from cross_test import CASES, Builder, why_not_here  # noqa: E402

LEVELS = [("x86-64", "avx2"), ("x86-64", "avx512vnni"), ("aarch64", "dotprod"),
          ("riscv64", "rv64gc"), ("riscv64", "rv64gcv")]


def output_bits(builder, function):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model, inputs, _ = function()
        program, _ = builder.build(model.write(folder / "model.onnx"), folder, ["--exact"])
        return builder.run(program, inputs)


def main():
    tools = sys.argv[1:]
    levels = [level for level in LEVELS if not why_not_here(*level)]
    if len(levels) < 2:
        print("skipped: nothing to compare with")
        return 77
    failed = False
    for name, function in CASES.items():
        results = [output_bits(Builder(*tools, *level), function) for level in levels]
        different = [cpu for (_, cpu), bits in zip(levels, results) if bits != results[0]]
        failed |= bool(different)
        print(f"{'FAIL' if different else 'ok  '} {name}"
              + (f": {', '.join(different)} not as {levels[0][1]}" if different else ""))
    print(f"{len(CASES)} cases on {', '.join(cpu for _, cpu in levels)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
