#!/usr/bin/env python3
"""Writes clean.png and noisy.png beside this file.

    apt-get install --no-install-recommends python3-scipy python3-pil
    python3 examples/demo/make_picture.py

The photograph is the raccoon that SciPy carries as a sample (see NOTICE.txt).
"""

import os

import numpy as np
import scipy.misc
from PIL import Image

kCrop = (368, 30, 1008, 510)  # Left, top, right, bottom.
kSize = (512, 384)
kSigma = 25.0  # Of 255.
kSeed = 25


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    photo = Image.fromarray(scipy.misc.face()).crop(kCrop).resize(kSize, Image.Resampling.LANCZOS)
    noise = np.random.default_rng(kSeed).normal(0.0, kSigma, (kSize[1], kSize[0], 3))
    noisy = np.clip(np.rint(np.asarray(photo) + noise), 0, 255).astype(np.uint8)
    photo.save(os.path.join(folder, "clean.png"), optimize=True)
    Image.fromarray(noisy).save(os.path.join(folder, "noisy.png"), optimize=True)


if __name__ == "__main__":
    main()
