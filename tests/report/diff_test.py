#!/usr/bin/env python3
"""edgecc diff: versions that agree, that part, and that have other channels.

    diff_test.py EDGECC
"""
import json
import sys

sys.dont_write_bytecode = True
import numpy as np  # noqa: E402
from small_model import (BIASES, DATA, SECOND, WEIGHTS, convolve, main, rng, run, sqnr)  # noqa: E402
from onnx_files import Model, tensor  # noqa: E402


def diff(edgecc, folder, a, b, *options, exit_code=0):
    text = run(edgecc, folder, "diff", a, b, "--inputs", "samples.npy", "--json", "diff.json",
               *options, exit_code=exit_code)
    report = json.loads((folder / "diff.json").read_text())
    return report, {t["tensor"]: t for t in report["tensors"]}, text


def with_itself(edgecc, folder):
    report, tensors, _ = diff(edgecc, folder, "model.onnx", "model.onnx")
    assert report["first_parted"] is None and report["samples"] == len(DATA)
    assert {"hidden", "positive", "map"} <= set(tensors)
    assert all(t["equal"] and t["max_abs"] == 0 for t in tensors.values())


def weights_of_8_bits(edgecc, folder):
    run(edgecc, folder, "model.onnx", "-o", "w8.onnx", "--emit", "onnx", "--quantize", "w8")
    report, tensors, text = diff(edgecc, folder, "model.onnx", "w8.onnx", "--threshold", "90",
                                 exit_code=1)
    assert report["first_parted"] == "hidden", report["first_parted"]
    assert "They part at 'hidden'" in text
    w = WEIGHTS[0]
    scale = np.abs(w).max(axis=(1, 2, 3), keepdims=True) / np.float32(127)
    wanted = convolve(DATA, w, BIASES[0])
    found = convolve(DATA, np.rint(w / scale) * scale, BIASES[0])
    assert abs(tensors["hidden"]["sqnr_db"] - sqnr(found, wanted)) < 0.1
    cosine = np.sum(found * wanted) / np.sqrt(np.sum(found**2) * np.sum(wanted**2))
    assert abs(tensors["hidden"]["cosine"] - cosine) < 1e-5
    diff(edgecc, folder, "model.onnx", "w8.onnx", "--threshold", "20")


def scaled_channels(edgecc, folder):
    run(edgecc, folder, "model.onnx", "-o", "model.ir", "--emit", "ir")
    run(edgecc, folder, "opt", "model.ir", "--passes", "equalize", "--calibrate", "samples.npy",
        "-o", "scaled.ir")
    assert "scale" in (folder / "scaled.ir").read_text(), "channels were to be scaled"
    assert (folder / "scaled.ir").read_text() != (folder / "model.ir").read_text()
    _, tensors, _ = diff(edgecc, folder, "model.onnx", "scaled.ir", "--threshold", "100")
    assert "positive" in tensors, "scaled tensors are compared in the original's units"


def removed_channels(edgecc, folder):
    run(edgecc, folder, "model.onnx", "-o", "small.onnx", "--emit", "onnx", "--prune", "macs:0.5",
        "--calibrate", "samples.npy")
    _, tensors, _ = diff(edgecc, folder, "model.onnx", "small.onnx", "--threshold", "-100")
    left = tensors["hidden"]["channels_compared"]
    assert 0 < left < 16, left
    assert tensors["hidden"]["sqnr_db"] is None or tensors["hidden"]["sqnr_db"] > 80, \
        "the channels that are left compute what they did"
    assert tensors["map"]["channels_compared"] == 0 and tensors["map"]["sqnr_db"] < 60


def with_a_blob(edgecc, folder):
    run(edgecc, folder, "model.onnx", "-o", "model.blob")
    report, tensors, text = diff(edgecc, folder, "model.onnx", "model.blob", "--threshold", "90")
    assert report["only_outputs"] and list(tensors) == ["map"]
    assert "outputs alone" in text
    wanted = convolve(np.maximum(convolve(DATA, WEIGHTS[0], BIASES[0]), 0), WEIGHTS[1], BIASES[1])
    assert np.isclose(tensors["map"]["peak"], np.abs(wanted).max(), rtol=1e-4), SECOND


def with_a_blob_of_other_shape(edgecc, folder):
    """Shapes that the versions were compiled with come from a folder of test data."""
    model = Model("free")
    x = model.input("x", np.float32, [1, 2, "height", 4])
    model.node("Conv", [x, model.constant("w", WEIGHTS[0][:3, :2])], "y", "only")
    model.output("y", np.float32, [1, 3, "rows", 2])
    model.write(folder / "free.onnx")
    (folder / "data").mkdir()
    (folder / "data" / "input_0.pb").write_bytes(tensor(DATA[:1, :2, :6, :4].copy(), "x"))
    run(edgecc, folder, "free.onnx", "-o", "free.blob", "--shapes-from", "data")
    for a, b in (("free.onnx", "free.blob"), ("free.onnx", "free.onnx")):
        text = run(edgecc, folder, "diff", a, b, "--inputs", "data/input_0.pb", "--shapes-from",
                   "data", "--threshold", "90")
        assert "They agree" in text, text


def with_a_blob_that_takes_pixels(edgecc, folder):
    model = Model("picture")
    x = model.input("picture", np.float32, [1, 3, 8, 8])
    model.node("Conv", [x, model.constant("w", WEIGHTS[0][:4, :3])], "y", "only")
    model.output("y", np.float32, [1, 4, 6, 6])
    model.write(folder / "picture.onnx")
    np.save(folder / "pixels.npy", rng.integers(0, 256, (3, 8, 8, 3), dtype=np.uint8))
    pixels = ["--image-input", "order=BGR,mean=120,scale=0.02"]
    run(edgecc, folder, "picture.onnx", "-o", "picture.blob", *pixels)
    for a, b in (("picture.onnx", "picture.blob"), ("picture.blob", "picture.onnx")):
        text = run(edgecc, folder, "diff", a, b, "--inputs", "pixels.npy", "--threshold", "90",
                   *pixels)
        assert "They agree" in text, text
    run(edgecc, folder, "diff", "picture.onnx", "picture.blob", "--inputs", "pixels.npy",
        exit_code=2)


ONE_OUTPUT = """module "m" {{
  param @w : f32[8x{columns}] = [{weights}]
  func @main(%0: f32[2x8] "x" from "x") -> ("y") {{
    %1 = Param @w : f32[8x{columns}]
    %2 = MatMul(%0, %1) : f32[2x{columns}] from "y" loc "layer"
    Yield(%2)
  }}
}}
"""


def write_layer(path, weight, columns=16):
    weights = ", ".join([str(weight)] * 8 * columns)
    path.write_text(ONE_OUTPUT.format(weights=weights, columns=columns))


def noise_on_zero(edgecc, folder):
    """Where the reference is zero throughout, any other result has parted and is not equal."""
    write_layer(folder / "zero.ir", 0)
    write_layer(folder / "one.ir", 1)
    np.save(folder / "x.npy", np.ones((3, 2, 8), np.float32))
    text = run(edgecc, folder, "diff", "zero.ir", "one.ir", "--inputs", "x.npy", "--json",
               "diff.json", exit_code=1)
    tensor, = (t for t in json.loads((folder / "diff.json").read_text())["tensors"]
               if t["tensor"] == "y")
    assert not tensor["equal"] and tensor["max_abs"] == 8, tensor
    assert "They part at 'y' (node layer): -inf dB" in text, text


def other_extents(edgecc, folder):
    """Versions whose outputs cannot be compared do not agree."""
    write_layer(folder / "wide.ir", 1)
    write_layer(folder / "narrow.ir", 1, columns=4)
    np.save(folder / "x.npy", np.ones((3, 2, 8), np.float32))
    run(edgecc, folder, "diff", "wide.ir", "narrow.ir", "--inputs", "x.npy", exit_code=2)


def mistakes(edgecc, folder):
    run(edgecc, folder, "diff", "model.onnx", "absent.onnx", "--inputs", "samples.npy",
        exit_code=2)
    run(edgecc, folder, "diff", "model.onnx", "model.onnx", "--inputs", "absent", exit_code=2)
    run(edgecc, folder, "diff", "model.onnx", "model.onnx", exit_code=2)


if __name__ == "__main__":
    main([with_itself, weights_of_8_bits, scaled_channels, removed_channels, with_a_blob,
          with_a_blob_of_other_shape, with_a_blob_that_takes_pixels,
          noise_on_zero, other_extents, mistakes])
