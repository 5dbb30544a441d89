#!/bin/sh
# Installs what is needed, builds edgecc, compiles the project's own denoiser and cleans a noisy
# photograph with it: demo-output/denoised.png, with the time of each layer on the terminal.
set -eu
cd "$(dirname "$0")"
scripts/setup.sh
scripts/build.sh edgecc
mkdir -p demo-output
build/driver/edgecc examples/demo/denoiser.onnx --shape noisy=1x3x384x384 -o demo-output/denoiser.blob
build/driver/edgecc run demo-output/denoiser.blob --input noisy=examples/demo/noisy.png \
  --scale 0.00392156862745098 --output-dir demo-output --images --profile
