"""Files that the cases of commands/ name: right ones, and each broken in one way."""
import pathlib
import re
import subprocess

import numpy as np

from onnx_files import Model, data, tensor

# Features that some x86-64 machine lacks, as /proc/cpuinfo spells them, and what needs them.
NEWER_FEATURES = [("avx_vnni", "avx2+avxvnni"), ("avx512_bf16", "avx512vnni+avx512bf16"),
                  ("avx512_vnni", "avx512vnni"), ("avx512f", "avx512"), ("avx2", "avx2")]

MALFORMED_IR = """module "m" {
  func @main(%0: f32[2] "x") -> ("y") {
    Yield(%7)
  }
}
"""


class Unavailable(Exception):
    """The machine has no way to make the file; the case is skipped."""


def convolution(batch=1):
    model = Model("small")
    model.input("image", np.float32, [batch, 3, 8, 8])
    model.constant("w", np.ones((4, 3, 3, 3), np.float32))
    model.node("Conv", ["image", "w"], "z", name="first")
    model.node("Relu", ["z"], "y", name="second")
    model.output("y", np.float32, [batch, 4, 6, 6])
    return model


def sum_of_two():
    model = Model("sum")
    for name in ("left", "right"):
        model.input(name, np.float32, [2, 3])
    model.node("Add", ["left", "right"], "y")
    model.output("y", np.float32, [2, 3])
    return model


def unsupported():
    model = Model("unsupported")
    model.input("x", np.float32, [2, 3])
    model.node("NoSuchOp", ["x"], "a", name="first_bad")
    model.node("Relu", ["a"], "b", name="good")
    model.node("RandomNormalLike", ["b"], "c", name="second_bad")
    model.node("Gelu", ["c"], "y", name="third_bad", domain="com.example")
    model.output("y", np.float32, [2, 3])
    return model


def mismatch():
    model = Model("mismatch")
    model.input("x", np.float32, [2, 3])
    model.constant("w", np.ones((4, 5), np.float32))
    model.node("MatMul", ["x", "w"], "y", name="classifier")
    model.output("y", np.float32, [2, 5])
    return model


class Fixtures:
    """Makes a file by name. `folder` is where the command will run."""

    def __init__(self, edgecc, folder):
        self.edgecc, self.folder = edgecc, pathlib.Path(folder)

    def make(self, name):
        path = self.folder / name
        if path.exists():
            return path
        makers = {".onnx": self.onnx, ".blob": self.blob, ".npy": self.npy, ".txt": self.text,
                  ".png": self.text, ".ir": self.text, ".d": self.test_data, ".so": self.text}
        makers[path.suffix](path.stem, path)
        return path

    def onnx(self, stem, path):
        if stem in ("truncated", "garbled", "empty"):
            content = convolution().bytes()
            path.write_bytes({"truncated": content[:len(content) // 2], "empty": b"",
                              "garbled": bytes(b ^ 0x5a for b in content)}[stem])
        else:
            {"model": convolution, "symbolic": lambda: convolution("batch"), "sum": sum_of_two,
             "unsupported": unsupported, "mismatch": mismatch}[stem]().write(path)

    def compile(self, model, path, *options):
        subprocess.run([self.edgecc, self.make(model), "-o", path, "-q", *options], check=True)

    def blob(self, stem, path):
        if stem == "sum":
            return self.compile("sum.onnx", path)
        if stem == "foreign":
            return self.compile("model.onnx", path, "--target", "riscv64", "--cpu", "rv64gc")
        if stem == "newer":
            return self.compile("model.onnx", path, "--target", "x86-64", "--cpu", newer_cpu())
        if stem == "model":
            return self.compile("model.onnx", path)
        content = bytearray(self.make("model.blob").read_bytes())
        if stem == "truncated":
            del content[-100:]
        elif stem == "damaged_metadata":
            content[200] ^= 1
        elif stem == "damaged_weights":
            content[-1] ^= 1
        elif stem == "other_version":
            content[8] += 9  # the format version follows the magic number
        path.write_bytes(content)

    def npy(self, stem, path):
        arrays = {"image": np.ones((1, 3, 8, 8), np.float32),
                  "large": np.ones((1, 3, 9, 9), np.float32),
                  "integers": np.ones((1, 3, 8, 8), np.int64),
                  "left": np.ones((2, 3), np.float32)}
        if stem in arrays:
            np.save(path, arrays[stem])
        else:
            path.write_bytes(b"not an array")

    def test_data(self, stem, path):
        path.mkdir()
        shape = (1, 3, 9, 9) if stem == "large" else (1, 3, 8, 8)
        if stem != "empty":
            (path / "input_0.pb").write_bytes(tensor(np.ones(shape, np.float32), "image"))
        if stem == "two_inputs":
            (path / "input_1.pb").write_bytes(tensor(np.ones(shape, np.float32), "more"))
        if stem == "wrong":
            (path / "output_0.pb").write_bytes(tensor(np.ones((1, 4, 6, 6), np.float32), "y"))
        if stem == "garbled":
            (path / "input_0.pb").write_bytes(data(9, "x")[:-1])

    def text(self, stem, path):
        path.write_text(MALFORMED_IR if stem == "malformed" else "A text, and nothing else.\n")


def newer_cpu():
    flags = re.search(r"^flags\s*:(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    have = set(flags[1].split() if flags else [])
    for flag, cpu in NEWER_FEATURES:
        if flag not in have:
            return cpu
    raise Unavailable("this CPU has every feature")
