#!/usr/bin/env python3
"""Trains the denoiser on synthetic images and writes denoiser.onnx.

    apt-get install --no-install-recommends python3-torch python3-onnx python3-pil
    python3 examples/demo/train_denoiser.py --output denoiser.onnx --work /tmp/denoiser

One CPU thread, fixed seeds. The work folder keeps the training images and a checkpoint, from which
an interrupted run goes on exactly as if it had not been interrupted.
"""

import argparse
import os
import time

import numpy as np
import torch

from dead_leaves import imagePool
from denoiser import Denoiser, saveOnnx

kSeed = 20240607
kPoolImages, kPoolSize = 400, 256
kBatch, kPatch = 16, 64
kSigmaRange = (3.0 / 255.0, 55.0 / 255.0)
kPeakRate, kWarmupSteps = 2e-3, 200
kSteps = 11000
kDecaySteps = 4250  # The last steps, with a falling rate.
kFrozenSteps = 500  # The very last, with frozen batch statistics.
kSaveEvery = 250


def batch(pool, rng):
    """One batch of (noisy, clean) patches, N x 3 x H x W in [0, 1]."""
    clean = np.empty((kBatch, kPatch, kPatch, 3), np.float32)
    for i in range(kBatch):
        y, x = rng.integers(0, kPoolSize - kPatch + 1, 2)
        patch = pool[rng.integers(len(pool)), y:y + kPatch, x:x + kPatch]
        patch = np.rot90(patch, rng.integers(4))[:, ::rng.choice([-1, 1])]
        clean[i] = patch[..., rng.permutation(3)]
    clean /= 255.0
    if rng.random() < 0.5:  # More contrast range than the pool has: scale about a random level.
        level, gain = rng.random((kBatch, 1, 1, 1)), rng.uniform(0.3, 1.0, (kBatch, 1, 1, 1))
        clean = (level + (clean - level) * gain).astype(np.float32)
    sigma = rng.uniform(*kSigmaRange, (kBatch, 1, 1, 1)).astype(np.float32)
    noisy = clean + sigma * rng.standard_normal(clean.shape, np.float32)
    noisy = np.clip(noisy, 0.0, 1.0)  # As an 8-bit picture would be.
    return tuple(torch.from_numpy(a).permute(0, 3, 1, 2) for a in (noisy, clean))


def rate(step, steps):
    """Warm-up, plateau, half a cosine down to 1 % of the peak."""
    if step < kWarmupSteps:
        return kPeakRate * (step + 1) / kWarmupSteps
    progress = max(0.0, (step - (steps - kDecaySteps)) / kDecaySteps)
    return kPeakRate * (0.01 + 0.99 * 0.5 * (1.0 + np.cos(np.pi * progress)))


def loadPool(work):
    path = os.path.join(work, "pool.npy")
    if not os.path.exists(path):
        np.save(path, imagePool(kSeed, kPoolImages, kPoolSize))
    return np.load(path)


def main():
    parser = argparse.ArgumentParser(description="Train the demo's denoiser.")
    parser.add_argument("--output", default="denoiser.onnx", help="the ONNX file to write")
    parser.add_argument("--work", default="denoiser-training",
                        help="folder for images and checkpoint")
    parser.add_argument("--steps", type=int, default=kSteps, help="fewer, for a quick try")
    arguments = parser.parse_args()
    os.makedirs(arguments.work, exist_ok=True)
    checkpoint = os.path.join(arguments.work, "checkpoint.pt")

    torch.set_num_threads(1)
    torch.manual_seed(kSeed)
    rng = np.random.default_rng(kSeed + 1)
    pool = loadPool(arguments.work)
    net = Denoiser().to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(net.parameters(), kPeakRate)
    first = 0
    if os.path.exists(checkpoint):
        saved = torch.load(checkpoint)
        net.load_state_dict(saved["net"])
        optimizer.load_state_dict(saved["optimizer"])
        rng.bit_generator.state = saved["rng"]
        first = saved["step"]

    start, total = time.time(), 0.0
    for step in range(first, arguments.steps):
        # Frozen statistics: the network finishes its training exactly as it will be used. Not
        # before the rate is low, since normalisation is what keeps a high one stable.
        net.train(step < arguments.steps - kFrozenSteps)
        for group in optimizer.param_groups:
            group["lr"] = rate(step, arguments.steps)
        noisy, clean = batch(pool, rng)
        # The loss is on the unclipped prediction: a clipped value would have no gradient.
        loss = (noisy - net.noise(noisy) - clean).abs().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()

        done = step + 1
        if done % kSaveEvery == 0 or done == arguments.steps:
            print(f"step {done}: L1 {255 * total / ((step - first) % kSaveEvery + 1):.3f} / 255, "
                  f"{time.time() - start:.0f} s", flush=True)
            total = 0.0
            torch.save({"net": net.state_dict(), "optimizer": optimizer.state_dict(),
                        "rng": rng.bit_generator.state, "step": done}, checkpoint + ".new")
            os.replace(checkpoint + ".new", checkpoint)
            saveOnnx(net, arguments.output)


if __name__ == "__main__":
    main()
