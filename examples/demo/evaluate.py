#!/usr/bin/env python3
"""Measures a denoiser that train_denoiser.py wrote, with PyTorch, apart from edgecc.

    python3 examples/demo/evaluate.py examples/demo/denoiser.onnx examples/demo/clean.png
    python3 examples/demo/evaluate.py MODEL --sigma 15 25 50 -- PHOTO...
    python3 examples/demo/evaluate.py MODEL --noisy NOISY.png --output DENOISED.png CLEAN.png

Prints the PSNR of each photograph with Gaussian noise and after denoising, both as 8-bit pictures.
"""

import argparse

import numpy as np
import torch
from PIL import Image

from denoiser import loadOnnx
from psnr import psnr


def readPhoto(path):
    """H x W x 3 uint8, cut to even height and width."""
    image = np.array(Image.open(path).convert("RGB"))
    return image[:image.shape[0] // 2 * 2, :image.shape[1] // 2 * 2]


def toByte(image):
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def denoise(net, noisy):
    with torch.no_grad():
        x = torch.from_numpy(noisy).permute(2, 0, 1)[None].float() / 255.0
        return toByte(net(x)[0].permute(1, 2, 0).numpy() * 255.0)


def main():
    parser = argparse.ArgumentParser(description="PSNR before and after denoising.")
    parser.add_argument("model")
    parser.add_argument("photos", nargs="+", help="clean photographs")
    parser.add_argument("--sigma", type=float, nargs="+", default=[25.0], help="noise, of 255")
    parser.add_argument("--noisy", help="a picture to denoise, in place of adding noise")
    parser.add_argument("--output", help="where to write the last denoised picture")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    net = loadOnnx(arguments.model)
    for sigma in arguments.sigma:
        before, after = [], []
        for path in arguments.photos:
            clean = readPhoto(path)
            noise = np.random.default_rng(0).normal(0.0, sigma, clean.shape)
            noisy = readPhoto(arguments.noisy) if arguments.noisy else toByte(clean + noise)
            denoised = denoise(net, noisy)
            before.append(psnr(clean, noisy))
            after.append(psnr(clean, denoised))
            print(f"{before[-1]:6.2f} -> {after[-1]:6.2f} dB  {path}")
        label = arguments.noisy or f"sigma {sigma:g}"
        print(f"{np.mean(before):6.2f} -> {np.mean(after):6.2f} dB  mean, {label}")
    if arguments.output:
        Image.fromarray(denoised).save(arguments.output)


if __name__ == "__main__":
    main()
