#!/usr/bin/env python3
"""Compression at its limits: a loss that no pruning keeps, samples and layers that hold nothing.

    limits_test.py EDGECC
"""
import sys

sys.dont_write_bytecode = True
import numpy as np  # noqa: E402
from small_model import DATA, main, run  # noqa: E402

NO_CHANNELS = """module "m" {
  param @w : f32[0x4x3x3] = []
  func @main(%0: f32[1x4x10x10] "x" from "x") -> ("y") {
    %1 = Param @w : f32[0x4x3x3]
    %2 = Conv(%0, %1) {dilations = [1, 1], pads = [0, 0, 0, 0], strides = [1, 1]} : f32[1x0x8x8]
    Yield(%2)
  }
}
"""


def no_pruning_is_left(edgecc, folder):
    """What loses nothing is to prune nothing: the model is what it was."""
    text = run(edgecc, folder, "model.onnx", "-o", "out.onnx", "--emit", "onnx", "--prune",
               "macs:0.5", "--calibrate", "samples.npy", "--metric", "sqnr", "--max-loss", "0.001")
    assert "nothing was done" in text and "SQNR 100.00 (float 100.00) on 6 samples" in text, text
    run(edgecc, folder, "diff", "model.onnx", "out.onnx", "--inputs", "samples.npy",
        "--threshold", "100")


def sample_that_is_nan(edgecc, folder):
    samples = DATA.copy()
    samples[3, 0, 0, 0] = np.nan
    np.save(folder / "nan.npy", samples)
    run(edgecc, folder, "model.onnx", "-o", "out.blob", "--sparsify", "0.5", "--calibrate",
        "nan.npy", exit_code=2)
    assert not (folder / "out.blob").exists()


def layer_without_channels(edgecc, folder):
    (folder / "none.ir").write_text(NO_CHANNELS)
    np.save(folder / "x.npy", DATA)
    for rounding in ("adaround", "power-of-two"):
        run(edgecc, folder, "none.ir", "-o", "none.blob", "--quantize", "w8", "--rounding",
            rounding, "--calibrate", "x.npy")


if __name__ == "__main__":
    main([no_pruning_is_left, sample_that_is_nan, layer_without_channels])
