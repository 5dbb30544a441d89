#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a compiled model on .npy files and shows where the time goes."""

import argparse
import pathlib

import numpy as np

import edgecc


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("blob")
    parser.add_argument("inputs", nargs="*", help=".npy files in the model's order; missing: zeros")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--output-dir", type=pathlib.Path)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    model = edgecc.Model(arguments.blob)
    print(f"{model.name}: {model.producer} for {model.target} ({model.cpu})")

    feeds = {}
    for index, info in enumerate(model.inputs):
        given = index < len(arguments.inputs)
        feeds[info.name] = (np.load(arguments.inputs[index]) if given
                            else np.zeros(info.array_shape, info.dtype))
        print(f"input {info.name}: {info.type} {list(info.shape)}")

    context = model.context(threads=arguments.threads)
    context.profiling = True
    for _ in range(arguments.runs):
        outputs = context.run(feeds)

    for index, (name, value) in enumerate(outputs.items()):
        print(f"output {name}: {value.dtype} {list(value.shape)}, "
              f"minimum {value.min():g}, maximum {value.max():g}" if value.size else f"{name}: empty")
        if arguments.output_dir:
            arguments.output_dir.mkdir(parents=True, exist_ok=True)
            np.save(arguments.output_dir / f"output_{index}.npy", value)

    layers = sorted(context.profile(), key=lambda profile: -profile.min_ns)
    total = sum(profile.min_ns for profile in layers)
    print(f"{total / 1e6:.3f} ms; slowest layers:")
    for profile in layers[:10]:
        print(f"{profile.min_ns / 1e3:10.1f} us  {profile.layer.kind}  {profile.layer.op}")


if __name__ == "__main__":
    main()
