#!/usr/bin/env python3
"""Checks that all targets with fused multiply-add compute the same bits.

    same_bits_test.py EDGECC CLANG LLD SOURCE_DIR [EDGECC_ZOO]

With EDGECC_ZOO: in whole networks, otherwise in the cases of one kernel or few.

The order of summation is part of the layer's meaning and functions are emitted from one definition,
so neither the width of vectors nor the architecture shows in the results. Exit codes: 0 the same,
1 different, 77 this machine runs fewer than two of the levels.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

sys.dont_write_bytecode = True
from cross_test import CASES, Builder, why_not_here  # noqa: E402
from cases import seeded  # noqa: E402

LEVELS = [("x86-64", "avx2"), ("x86-64", "avx512vnni"), ("aarch64", "neon"),
          ("aarch64", "dotprod"), ("aarch64", "i8mm"), ("riscv64", "rv64gc"), ("riscv64", "rv64gcv")]
# Convolutions with strides and residuals, depthwise ones, softmax, layer normalisation and GELU.
NETWORKS = ["resnet8", "ds_cnn", "mobilenet_v2_0.35_96", "vit_32"]
QUANTIZED = ["resnet8", "mobilenet_v2_0.35_96"]


def output_bits(builder, function):
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        model, inputs = function(folder)
        program, _ = builder.build(model, folder, ["--exact"])
        if inputs is None:
            header = (folder / "model.h").read_text()
            dims = re.findall(r'^/\* input \d+: ".*", f32\[(.*)\] \*/$', header, re.M)
            inputs = [seeded(*map(int, each.split("x"))) for each in dims]
        return builder.run(program, inputs)


def small(function):
    def prepare(folder):
        model, inputs, _ = function()
        return model.write(folder / "model.onnx"), inputs

    return prepare


def networks(edgecc, zoo, folder):
    """Name -> function, of the networks in files that are written to the folder."""
    out = {}
    call = lambda *command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL,
                                           stderr=subprocess.DEVNULL)
    for name in NETWORKS:
        path = folder / f"{name}.onnx"
        call(zoo, "write", "--random", "1", name, path)
        out[name] = lambda _, path=path: (path, None)
        if name in QUANTIZED:
            integers = folder / f"{name}_int8.onnx"
            call(edgecc, path, "-o", integers, "--emit", "onnx", "--quantize", "int8", "--rounding",
                 "nearest", "--calibrate", "random:4", "--quantize-all")
            out[f"{name}_int8"] = lambda _, path=integers: (path, None)
    return out


def main():
    tools, zoo = sys.argv[1:5], sys.argv[5:]
    levels = [level for level in LEVELS if not why_not_here(*level)]
    if len(levels) < 2:
        print("skipped: nothing to compare with")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        cases = (networks(tools[0], zoo[0], pathlib.Path(folder)) if zoo
                 else {name: small(function) for name, function in CASES.items()})
        return 1 if compare(cases, levels, tools, bool(zoo)) else 0


def says_something(bits):
    """Whether a network's results are different numbers: NaN would be the same everywhere, too."""
    values = np.frombuffer(bits, np.float32)
    return np.isfinite(values).all() and len(np.unique(values)) > len(values) // 2


def compare(cases, levels, tools, are_floats):
    """Prints a line for each case; returns whether one differs."""
    failed = False
    for name, function in cases.items():
        results = [output_bits(Builder(*tools, *level), function) for level in levels]
        different = [cpu for (_, cpu), bits in zip(levels, results) if bits != results[0]]
        failed |= bool(different)
        if are_floats and not says_something(results[0]):
            failed = True
            print(f"FAIL {name}: what it computes is no test")
        print(f"{'FAIL' if different else 'ok  '} {name}"
              + (f": {', '.join(different)} not as {levels[0][1]}" if different else ""))
    print(f"{len(cases)} cases on {', '.join(cpu for _, cpu in levels)}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
