"""A small network for devices: three convolutions, a skip connection, a classifier."""
import json
import pathlib
import subprocess
import sys
import tempfile
import traceback

import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from onnx_files import Model  # noqa: E402

rng = np.random.default_rng(3)
LAYERS = ["stem", 'branch "&" <b>', "down", "classifier"]
SIZE, CLASSES = 24, 5
# Multiply-accumulates of the four layers with weights.
MACS = {"stem": 16 * 3 * 9 * SIZE**2, 'branch "&" <b>': 16 * 16 * 9 * SIZE**2,
        "down": 32 * 16 * 9 * (SIZE // 2)**2, "classifier": 32 * CLASSES}


def weights(*shape):
    return rng.normal(0, 1 / np.sqrt(np.prod(shape[1:])), shape).astype(np.float32)


def write(folder, host=False, activation="Relu"):
    """model.onnx and samples.npy; `host`: with an op that no device has in the middle."""
    m = Model("small")
    x = m.input("image", np.float32, [1, 3, SIZE, SIZE])
    x = m.node("Conv", [x, m.constant("w0", weights(16, 3, 3, 3))], "c0", LAYERS[0],
               pads=[1, 1, 1, 1])
    x = m.node(activation, [x], "r0", "relu0")
    y = m.node("Conv", [x, m.constant("w1", weights(16, 16, 3, 3))], "c1", LAYERS[1],
               pads=[1, 1, 1, 1])
    x = m.node("Add", [x, y], "sum", "sum")
    if host:
        x = m.node("CumSum", [x, m.constant("axis", np.int64(3))], "running", "running sum")
    x = m.node("Conv", [x, m.constant("w2", weights(32, 16, 3, 3))], "c2", LAYERS[2],
               pads=[1, 1, 1, 1], strides=[2, 2])
    x = m.node("Relu", [x], "r2", "relu2")
    x = m.node("GlobalAveragePool", [x], "mean", "mean")
    x = m.node("Flatten", [x], "flat", "flatten")
    m.node("Gemm", [x, m.constant("w3", weights(32, CLASSES))], "scores", LAYERS[3])
    m.output("scores", np.float32, [1, CLASSES])
    m.write(folder / ("host.onnx" if host else "model.onnx"))
    np.save(folder / "samples.npy", rng.normal(0, 1, (4, 3, SIZE, SIZE)).astype(np.float32))
    np.save(folder / "input.npy", rng.normal(0, 1, (1, 3, SIZE, SIZE)).astype(np.float32))


TARGETS = ["myriadx", "hailo8"]


class Tool:
    """edgecc in a folder of its own."""

    def __init__(self, edgecc, folder):
        self.edgecc, self.folder = edgecc, folder

    def run(self, *arguments, exit_code=0):
        done = subprocess.run([self.edgecc, *arguments], cwd=self.folder, capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == exit_code, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout + done.stderr

    def compile(self, target, *options, model="model.onnx", exit_code=0):
        samples = ["--calibrate", "samples.npy"] if target.startswith("hailo") else []
        return self.run(model, "-o", f"{target}.blob", "--target", target, *samples, *options,
                        exit_code=exit_code)

    def inspect(self, blob, *options, exit_code=0):
        text = self.run("inspect", blob, "--json", *options, exit_code=exit_code)
        return json.loads(text)

    def json(self, name):
        return json.loads((self.folder / name).read_text())


def main(tests):
    """Runs test(tool) for each test in a folder with the network."""
    edgecc = str(pathlib.Path(sys.argv[1]).resolve())
    failed = 0
    for test in tests:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            write(folder)
            try:
                test(Tool(edgecc, folder))
            except (AssertionError, KeyError):
                traceback.print_exc()
                print(f"FAIL {test.__name__}")
                failed += 1
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
