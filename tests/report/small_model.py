"""A small convolutional model, and numpy's idea of it."""
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from onnx_files import Model  # noqa: E402

FIRST, SECOND = "<script>alert('first')</script>", 'second "&" <b>'
CHANNELS, SIZE, SAMPLES = 4, 10, 12
rng = np.random.default_rng(7)
WEIGHTS = [rng.normal(0, 0.3, (16, CHANNELS, 3, 3)).astype(np.float32),
           rng.normal(0, 0.3, (6, 16, 3, 3)).astype(np.float32)]
BIASES = [rng.normal(0, 0.1, 16).astype(np.float32), rng.normal(0, 0.1, 6).astype(np.float32)]
DATA = rng.normal(0, 1, (SAMPLES, CHANNELS, SIZE, SIZE)).astype(np.float32)


def convolve(x, weights, bias):
    """3x3, no padding, in double precision; x is [N, C, H, W]."""
    x, weights = x.astype(np.float64), weights.astype(np.float64)
    height, width = x.shape[2] - 2, x.shape[3] - 2
    out = np.zeros((x.shape[0], weights.shape[0], height, width))
    for i in range(3):
        for j in range(3):
            out += np.einsum("nchw,oc->nohw", x[:, :, i:i + height, j:j + width],
                             weights[:, :, i, j])
    return out + bias[None, :, None, None]


def sqnr(found, wanted):
    return 10 * np.log10(np.sum(wanted**2) / np.sum((found - wanted)**2))


def write(folder):
    """model.onnx and samples.npy."""
    m = Model("small")
    x = m.input("image", np.float32, [1, CHANNELS, SIZE, SIZE])
    hidden = m.node("Conv", [x, m.constant("w0", WEIGHTS[0]), m.constant("b0", BIASES[0])],
                    "hidden", FIRST)
    positive = m.node("Relu", [hidden], "positive", "relu")
    m.node("Conv", [positive, m.constant("w1", WEIGHTS[1]), m.constant("b1", BIASES[1])], "map",
           SECOND)
    m.output("map", np.float32, [1, 6, SIZE - 4, SIZE - 4])
    m.write(folder / "model.onnx")
    np.save(folder / "samples.npy", DATA)


def run(edgecc, folder, *arguments, exit_code=0):
    done = subprocess.run([edgecc, *arguments], cwd=folder, capture_output=True, text=True,
                          timeout=120)
    assert done.returncode == exit_code, (arguments, done.returncode, done.stdout, done.stderr)
    return done.stdout


def main(tests):
    """Runs test(edgecc, folder) for each test in a folder of its own."""
    import tempfile
    failed = 0
    for test in tests:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            write(folder)
            try:
                test(sys.argv[1], folder)
            except AssertionError as problem:
                import traceback
                traceback.print_exc()
                print(f"{test.__name__}: {problem}")
                failed += 1
    print(f"{len(tests) - failed} passed, {failed} failed")
    sys.exit(1 if failed else 0)
