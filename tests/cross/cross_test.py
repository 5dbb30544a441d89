#!/usr/bin/env python3
"""Compiles models to objects for one CPU level and runs them, under qemu where it is not this one.

    cross_test.py EDGECC CLANG LLD SOURCE_DIR SHARED_DIR TARGET CPU [CASE...]

Each program is bare_main.c and the model, without a C library. It runs the model on one thread and
on three and fails if the bits differ. Floats may be off by 1e-4 of the largest magnitude, integers
not at all. Exit codes: 0 right, 1 wrong, 77 this machine cannot run that code (a failure where CI
is set and QEMU is missing).
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from cases import CASES  # noqa: E402
from onnx_files import DTYPES, read_tensor  # noqa: E402

BOUND = 1e-4  # of the largest magnitude
# Outputs of a quantised model come in steps: one more or less is right.
MODELS = {"mnist_8": BOUND, "mlperf_kws_fp32": BOUND, "mlperf_kws_qdq": 0.05}
# rv64gc must run on a core that has no vectors, rv64gcv on the narrowest registers that V allows.
EMULATORS = {"neon": ["qemu-aarch64", "-cpu", "cortex-a53"],
             "dotprod": ["qemu-aarch64", "-cpu", "max"],
             "i8mm": ["qemu-aarch64", "-cpu", "max"],
             "rv64gc": ["qemu-riscv64", "-cpu", "rv64,v=false"],
             "rv64gcv": ["qemu-riscv64", "-cpu", "rv64,v=true,vlen=128,vext_spec=v1.0"]}
CPU_FLAGS = {"baseline": [], "avx2": ["avx2", "fma", "f16c", "bmi2"],
             "avx512": ["avx512f", "avx512bw", "avx512dq", "avx512vl"],
             # AVX-VNNI's code in the encodings of AVX-512, which machines without AVX-VNNI run
             "avx2+avx512f+avx512vl+avx512vnni": ["avx512vl", "avx512_vnni"],
             "avx512vnni": ["avx512bw", "avx512dq", "avx512vl", "avx512_vnni"]}
TRIPLES = {"x86-64": "x86_64-linux-gnu", "aarch64": "aarch64-linux-gnu",
           "riscv64": "riscv64-linux-gnu"}
ELEMENT_TYPES = {"f32": np.float32, "f16": np.float16, "f64": np.float64, "bool": np.bool_}


def why_not_here(target, cpu):
    if target != "x86-64":
        emulator = EMULATORS[cpu][0]
        return "" if shutil.which(emulator) else f"{emulator} is not installed"
    flags = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    missing = set(CPU_FLAGS[cpu]) - set(flags[1].split() if flags else [])
    return f"this machine lacks {' '.join(sorted(missing))}" if missing else ""


class Builder:
    def __init__(self, edgecc, clang, lld, source, target, cpu):
        self.edgecc, self.clang, self.lld = edgecc, clang, lld
        self.source, self.target, self.cpu = pathlib.Path(source), target, cpu

    def build(self, model, folder, options=()):
        """Compiles and links a program; returns its path and the types of its outputs."""
        subprocess.run([self.edgecc, model, "-o", folder / "model.o", "--emit", "obj", "--target",
                        self.target, "--cpu", self.cpu, "-q", *options], check=True)
        header = (folder / "model.h").read_text()
        each = {}
        for kind in ("INPUT", "OUTPUT"):
            count = int(re.search(rf"MODEL_{kind}_COUNT (\d+)", header)[1])
            each[kind] = " ".join(f"X({i})" for i in range(count))
        march = ["-march=rv64gc"] if self.target == "riscv64" else []
        subprocess.run([self.clang, f"--target={TRIPLES[self.target]}", *march, "-std=c11", "-O2",
                        "-Wall", "-Wextra", "-Werror", "-ffreestanding", "-fno-builtin",
                        "-fno-stack-protector", "-fno-pic", f"-I{folder}",
                        f"-I{self.source}", f"-I{self.source}/runtime/include",
                        f"-DEACH_INPUT(X)={each['INPUT']}",
                        f"-DEACH_OUTPUT(X)={each['OUTPUT']}", "-c",
                        self.source / "tests/cross/bare_main.c", "-o", folder / "main.o"],
                       check=True)
        subprocess.run([self.lld, "-static", folder / "main.o", folder / "model.o", "-o",
                        folder / "program"], check=True)
        return folder / "program", outputs_of(header)

    def run(self, program, inputs):
        emulator = [] if self.target == "x86-64" else EMULATORS[self.cpu]
        done = subprocess.run([*emulator, program], input=b"".join(x.tobytes() for x in inputs),
                              stdout=subprocess.PIPE, timeout=120)
        if done.returncode != 0:
            raise RuntimeError(f"the program ended with {done.returncode}, see bare_main.c")
        return done.stdout


def outputs_of(header):
    """(dtype, shape) of each output, from the comments of the generated header."""
    names = {f"{'uif'['uif'.index(t.kind)]}{t.itemsize * 8}": t
             for t in map(np.dtype, DTYPES.values()) if t.kind in "uif"} | ELEMENT_TYPES
    out = []
    for name, dims in re.findall(r'^/\* output \d+: ".*", (\w+)\[(.*)\] \*/$', header, re.M):
        # "<=" is the bound of a size that depends on the data; the cases reach it.
        out.append((np.dtype(names[name]), [int(d.lstrip("<=")) for d in dims.split("x") if d]))
    return out


def unpack(content, outputs):
    arrays, at = [], 0
    for dtype, shape in outputs:
        count = int(np.prod(shape, dtype=np.int64))
        arrays.append(np.frombuffer(content, dtype, count, at).reshape(shape))
        at += count * dtype.itemsize
    if at != len(content):
        raise RuntimeError(f"{len(content)} bytes of output instead of {at}")
    return arrays


def problem(actual, expected, bound):
    if actual.dtype != expected.dtype or actual.shape != expected.shape:
        return f"{actual.dtype}{actual.shape} instead of {expected.dtype}{expected.shape}"
    if actual.dtype.kind != "f":
        wrong = np.count_nonzero(actual != expected)
        return f"{wrong} of {actual.size} integers differ" if wrong else ""
    actual, expected = actual.astype(np.float64), expected.astype(np.float64)
    error = np.abs(actual - expected).max() / np.abs(expected).max()
    return "" if error <= bound else f"off by {error:.2e} of the peak, more than {bound}"


def check(name, builder, prepare):
    """Runs one case and prints a line; `prepare(folder)` gives model, options, inputs, expected."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            folder = pathlib.Path(folder)
            model, options, inputs, expected, bound = prepare(folder)
            program, outputs = builder.build(model, folder, options)
            actual = unpack(builder.run(program, inputs), outputs)
            problems = [p for a, e in zip(actual, expected, strict=True)
                        if (p := problem(a, e, bound))]
        except (RuntimeError, ValueError, subprocess.SubprocessError) as error:
            problems = [str(error)]
    print(f"{'FAIL' if problems else 'ok  '} {name} {'; '.join(problems)}".rstrip(), flush=True)
    return not problems


def small(function):
    def prepare(folder):
        model, inputs, expected = function()
        return model.write(folder / "model.onnx"), [], inputs, expected, BOUND

    return prepare


def real(folder_of_model, bound):
    def prepare(_):
        data = folder_of_model / "test_data_set_0"
        read = lambda kind: [read_tensor(p) for p in sorted(data.glob(f"{kind}_*.pb"))]
        return (folder_of_model / "model.onnx", ["--shapes-from", data], read("input"),
                read("output"), bound)

    return prepare


def main():
    edgecc, clang, lld, source, shared, target, cpu, *only = sys.argv[1:]
    if reason := why_not_here(target, cpu):
        print("skipped:", reason)
        return 1 if target != "x86-64" and os.environ.get("CI") else 77
    builder = Builder(edgecc, clang, lld, source, target, cpu)
    tests = {name: small(function) for name, function in CASES.items()}
    for name, bound in MODELS.items():
        folder = pathlib.Path(shared) / "models" / name
        if folder.is_dir():
            tests[name] = real(folder, bound)
        else:
            print(f"left out: {folder} is absent")
    good = [check(name, builder, prepare) for name, prepare in tests.items()
            if not only or name in only]
    print(f"{good.count(True)} of {len(good)} right on {target} {cpu}")
    return 0 if all(good) and good else 1


if __name__ == "__main__":
    sys.exit(main())
