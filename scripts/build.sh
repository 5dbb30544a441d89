#!/bin/sh
# Configures and builds into build/. Arguments are ninja targets; none builds everything.
set -eu
cd "$(dirname "$0")/.."
if [ ! -f build/build.ninja ]; then
  cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_C_COMPILER=clang-19 -DCMAKE_CXX_COMPILER=clang++-19 >build.log 2>&1 ||
    { cat build.log >&2; exit 1; }
  rm -f build.log
fi
ninja -C build "$@"
