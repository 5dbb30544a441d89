#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# runtime_examples_test.sh SOURCE_DIR BUILD_DIR MAKE_FLAT_BLOB: installs the runtime into a fresh prefix, builds
# the examples against it as a user would, and runs them on a blob.
set -eu
source=$1
build=$2

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
blob=$work/flat.blob
"$3" "$blob"
cmake --install "$build" --component runtime --prefix "$prefix" > "$work/install.log"

# CMake package, shared and static library.
for example in run_blob_c run_blob_cpp; do
  cmake -S "$source/examples/$example" -B "$work/$example" -DCMAKE_PREFIX_PATH="$prefix" \
        -DCMAKE_BUILD_TYPE=Release > "$work/configure.log"
  cmake --build "$work/$example" > "$work/build.log" || { cat "$work/build.log"; exit 1; }
done
"$work/run_blob_c/run_blob" "$blob" --threads 2 > "$work/run_blob.txt"
grep -q '^output ' "$work/run_blob.txt"
grep -q 'vector' "$work/run_blob.txt"
"$work/run_blob_cpp/serve" "$blob" | grep -q 'the same .* bytes for all'
if readelf -d "$work/run_blob_cpp/serve" | grep -q libedgecc; then
  echo "the statically linked example needs a shared edgecc library"
  exit 1
fi
if "$work/run_blob_c/run_blob" "$source/docs/blob.md" 2> "$work/error.txt"; then
  echo "run_blob took a text file for a blob"
  exit 1
fi
grep -q 'magic number' "$work/error.txt"

# pkg-config, with a prefix that was moved after the installation.
mv "$prefix" "$work/moved"
PKG_CONFIG_PATH=$work/moved/lib/pkgconfig
export PKG_CONFIG_PATH
"${CC:-cc}" "$source/examples/run_blob_c/run_blob.c" -o "$work/run_blob_pc" \
   $(pkg-config --cflags --libs edgecc) -Wl,-rpath,"$work/moved/lib"
"$work/run_blob_pc" "$blob" | grep -q '^output '

# Python, with the library found from the package's own place.
PYTHONPATH=$work/moved/lib/python3/dist-packages /usr/bin/python3 \
  "$source/examples/run_blob_python/run_blob.py" "$blob" --output-dir "$work/results" \
  | grep -q 'slowest layers'
test -f "$work/results/output_0.npy"
