#!/bin/sh
# Installs what is needed, builds edgecc, compiles the project's own denoiser and cleans a noisy
# photograph with it: demo-output/denoised.png, with the time of each layer on the terminal.
set -eu
cd "$(dirname "$0")"
scripts/setup.sh
scripts/build.sh edgecc
mkdir -p demo-output
build/driver/edgecc examples/demo/denoiser.onnx --shape noisy=1x3x384x512 -o demo-output/denoiser.blob
build/driver/edgecc run demo-output/denoiser.blob --input noisy=examples/demo/noisy.png \
  --scale 0.00392156862745098 --output-dir demo-output --images --profile
echo
echo "before:"; /usr/bin/python3 examples/demo/psnr.py examples/demo/clean.png examples/demo/noisy.png
echo "after, demo-output/denoised.png:"; /usr/bin/python3 examples/demo/psnr.py examples/demo/clean.png demo-output/denoised.png
