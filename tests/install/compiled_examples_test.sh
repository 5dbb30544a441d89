#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# compiled_examples_test.sh SOURCE_DIR BUILD_DIR: installs everything into a fresh prefix, compiles the
# demo's model as blob and as object file, and checks that the examples, which run it in four ways, give
# the same bits.
set -eu
source=$1
build=$2
model=$source/examples/demo/denoiser.onnx
shape=noisy=1x3x64x48

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" > "$work/install.log"
edgecc=$prefix/bin/edgecc
PYTHONPATH=$prefix/lib/python3/dist-packages
export PYTHONPATH

/usr/bin/python3 - "$work" <<'PYTHON'
import sys
import numpy as np
x = np.random.default_rng(1).random((1, 3, 64, 48), np.float32)
np.save(sys.argv[1] + "/x.npy", x)
x.tofile(sys.argv[1] + "/x.bin")
PYTHON
"$edgecc" "$model" -o "$work/model.blob" --shape "$shape" > "$work/compile.log"

build_example() { # build_example NAME [CMAKE OPTION ...]
  name=$1
  shift
  { cmake -S "$source/examples/$name" -B "$work/$name" -DCMAKE_PREFIX_PATH="$prefix" \
      -DCMAKE_BUILD_TYPE=Release "$@" && cmake --build "$work/$name"; } > "$work/build.log" 2>&1 ||
    { cat "$work/build.log"; exit 1; }
}

# No runtime: code and weights are part of the program. It compares one thread with three itself.
build_example run_object_c -DMODEL="$model" -DEDGECC_FLAGS="--shape;$shape"
"$work/run_object_c/run_object" "$work/x.bin" "$work/object.bin" > "$work/object.txt"
if nm "$work/run_object_c/model.o" | grep ' U ' | grep -v -E ' (memcpy|memset|memmove)$'; then
  echo "the object file needs more than memcpy, memset and memmove"
  exit 1
fi

# C and C++ with the runtime.
build_example run_blob_c
build_example run_blob_cpp
"$work/run_blob_c/run_blob" "$work/model.blob" "$work/x.bin" --threads 2 > "$work/blob.txt"
"$work/run_blob_cpp/serve" "$work/model.blob" > /dev/null

# Python, and the comparison.
/usr/bin/python3 "$source/examples/run_blob_python/run_blob.py" "$work/model.blob" "$work/x.npy" \
  --threads 3 --runs 2 --output-dir "$work" > /dev/null
/usr/bin/python3 - "$work" <<'PYTHON'
import re
import sys
import numpy as np
folder = sys.argv[1]
python = np.load(folder + "/output_0.npy")
program = np.fromfile(folder + "/object.bin", np.float32).reshape(python.shape)
if not np.array_equal(python.view(np.uint32), program.view(np.uint32)):
    sys.exit("the Python binding and the object form give different bits")
if abs(python.mean() - np.load(folder + "/x.npy").mean()) > 0.05:
    sys.exit(f"the denoised picture has another brightness: {python.mean()}")
place, value = re.search(r"\[(\d+)\] (\S+)", open(folder + "/blob.txt").read()).groups()
if int(place) != python.argmax() or abs(float(value) - python.max()) > 1e-5:
    sys.exit("the C program and the Python binding disagree on the largest value")
PYTHON
