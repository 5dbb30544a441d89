#!/usr/bin/env python3
"""Checks that processes, whose addresses differ, compile a model to the same code.

    processes_test.py EDGECC EDGECC_ZOO

The model is a quantised transformer: layers whose results meet several operands before they are
stored, so that an order that followed addresses would show.
"""
import pathlib
import subprocess
import sys
import tempfile

LEVELS = [("x86-64", "avx512vnni"), ("aarch64", "neon"), ("riscv64", "rv64gcv")]
PROCESSES = 6


def main():
    edgecc, zoo = sys.argv[1:]
    failed = False
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run = lambda *command: subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        model, quantized, out = folder / "f32.onnx", folder / "int8.onnx", folder / "model.s"
        run(zoo, "write", "--random", "1", "vit_32", model)
        run(edgecc, model, "-o", quantized, "--emit", "onnx", "--quantize", "int8", "--calibrate",
            "random:2", "--rounding", "nearest", "--quantize-all")
        for target, cpu in LEVELS:
            texts = set()
            for _ in range(PROCESSES):
                run(edgecc, quantized, "-o", out, "--emit", "asm", "--target", target, "--cpu", cpu)
                texts.add(out.read_bytes())
            failed |= len(texts) > 1
            print(f"{'FAIL' if len(texts) > 1 else 'ok  '} {target} {cpu}: {len(texts)} different "
                  f"from {PROCESSES} processes")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
