#!/usr/bin/env python3
"""Writes noisy pictures for the demo's denoiser to be calibrated on.

    /usr/bin/python3 examples/demo/calibration.py FOLDER [COUNT]

Dead leaves (dead_leaves.py), as in training but of another seed, with the noise of noisy.png: COUNT .npy
files of the model's input, 1 x 3 x 384 x 512 numbers from 0 to 1.
"""

import os
import sys

import numpy as np

from dead_leaves import imagePool

kHeight, kWidth = 384, 512
kSigma = 25.0  # Of 255.
kSeed = 4


def main():
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    folder, count = sys.argv[1], int(sys.argv[2]) if len(sys.argv) == 3 else 8
    os.makedirs(folder, exist_ok=True)
    rng = np.random.default_rng(kSeed)
    for i, clean in enumerate(imagePool(kSeed, count, kWidth)):
        noisy = clean[:kHeight] + rng.normal(0.0, kSigma, (kHeight, kWidth, 3))
        pixels = np.clip(np.rint(noisy), 0, 255).transpose(2, 0, 1)[None]
        np.save(os.path.join(folder, f"{i:03d}.npy"), (pixels / 255.0).astype(np.float32))


if __name__ == "__main__":
    main()
