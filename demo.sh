#!/bin/sh
# Installs what is needed, builds edgecc, compiles the project's own denoiser and cleans a noisy
# photograph with it: demo-output/denoised.png, with the time of each layer on the terminal. Then
# does the same with 8-bit integers: demo-output/int8/denoised.png and demo-output/report.html; and
# compiles it for two simulated chips: demo-output/hailo8/denoised.png and demo-output/myriadx.html.
set -eu
cd "$(dirname "$0")"
scripts/setup.sh
scripts/build.sh edgecc
mkdir -p demo-output
model="examples/demo/denoiser.onnx --shape noisy=1x3x384x512"
# $1: blob, $2: folder for the picture
clean_picture() {
  build/driver/edgecc run "$1" --input noisy=examples/demo/noisy.png --scale 0.00392156862745098 \
    --output-dir "$2" --images --profile
}

echo "== 32-bit floats"
build/driver/edgecc $model -o demo-output/denoiser.blob
clean_picture demo-output/denoiser.blob demo-output

echo "== 8-bit integers, calibrated on pictures made for it"
/usr/bin/python3 examples/demo/calibration.py demo-output/calibration
build/driver/edgecc $model --calibrate demo-output/calibration --quantize int8 \
  --report demo-output/report.html -o demo-output/denoiser-int8.blob
clean_picture demo-output/denoiser-int8.blob demo-output/int8

echo "== simulated chips"
build/driver/edgecc $model --target myriadx --report demo-output/myriadx.html -o demo-output/denoiser-myriadx.blob
build/driver/edgecc $model --target hailo8 --calibrate demo-output/calibration -o demo-output/denoiser-hailo8.blob
build/driver/edgecc run demo-output/denoiser-hailo8.blob --input noisy=examples/demo/noisy.png \
  --scale 0.00392156862745098 --output-dir demo-output/hailo8 --images

echo
echo "signal to noise (dB) of the noisy picture, of what floats make of it, integers, and the Hailo-8:"
/usr/bin/python3 examples/demo/psnr.py examples/demo/clean.png examples/demo/noisy.png \
  demo-output/denoised.png demo-output/int8/denoised.png demo-output/hailo8/denoised.png
ls -l demo-output/denoiser.blob demo-output/denoiser-int8.blob
