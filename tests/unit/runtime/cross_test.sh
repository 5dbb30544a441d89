#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# cross_test.sh ARCH CLANG LLD MAKE_FLAT_BLOB SOURCE_DIR GENERATED_DIR: builds the runtime and
# examples/run_blob_c for AArch64 or RISC-V and runs a blob under qemu. Exit status 77 (skipped) if the
# C library of the target or qemu is not installed.
set -eu
arch=$1
clang=$2
lld=$3
make_blob=$4
source=$5
generated=$6

triple=$arch-linux-gnu
qemu=$(command -v "qemu-$arch" || command -v "qemu-$arch-static" || true)
if [ -z "$qemu" ] || [ ! -d "/usr/$triple/include" ] || [ ! -d "/usr/lib/gcc-cross/$triple" ]; then
  echo "skipped: needs qemu-user and the cross C library of $triple"
  exit 77
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

"$clang" --target="$triple" -std=c11 -Os -Wall -Wextra -Werror -I"$source/runtime/include" \
  -c "$source/examples/run_blob_c/run_blob.c" -o "$work/run_blob.o"
# FlatBuffers and xxHash are headers without a target: behind everything of the target's own.
"$clang" --driver-mode=g++ --target="$triple" -std=c++20 -Os -Wall -Wextra -Werror -DNDEBUG \
  -DEDGECC_VERSION=cross -fno-exceptions -fno-rtti -fno-threadsafe-statics -nostdlib++ -static \
  -fuse-ld=lld -Wl,--gc-sections -ffunction-sections -I"$source" -I"$source/runtime/include" \
  -I"$generated" -idirafter /usr/include "$source"/runtime/src/*.cpp \
  "$source/runtime/blob/BlobView.cpp" "$source/runtime/blob/Hash.cpp" \
  "$work/run_blob.o" -o "$work/run_blob"

flags="-O2 -std=c11 -ffreestanding -fPIC -fno-stack-protector -fno-jump-tables"
flags="$flags -fno-asynchronous-unwind-tables -ffp-contract=off -I$source/runtime/include"
[ "$arch" = riscv64 ] && flags="$flags -march=rv64gc -mno-relax"
"$clang" --target="$triple" $flags -c "$source/tests/unit/runtime/flat_model.c" -o "$work/flat.o"
"$lld" -T "$source/tests/unit/runtime/flat_model.lds" "$work/flat.o" -o "$work/flat.bin"

run() { # run FEATURE... : loads a blob that needs these features
  "$make_blob" "$work/flat.blob" "$work/flat.bin" "$arch" "$@"
  "$qemu" $cpu "$work/run_blob" "$work/flat.blob" "$work/x.bin" "$work/state.bin" --threads 3
}

expect() { # expect TEXT FILE
  grep -q "$1" "$2" || { echo "expected '$1' in:"; cat "$2"; exit 1; }
}

# x is 1.0 everywhere, the state 2.0: y is the weights 2, -1, 0.5, 3 plus 2.
printf '\000\000\200\077%.0s' $(seq 24) > "$work/x.bin"
printf '\000\000\000\100%.0s' $(seq 4) > "$work/state.bin"

case $arch in
  aarch64) cpu="-cpu max"; present="neon dotprod"; absent="no-such-feature" ;;
  riscv64) cpu="-cpu rv64,v=true,vlen=256"; present="m a f d c v zvl256b"; absent="zvl512b" ;;
esac
run $present > "$work/out.txt"
expect '^  \[3\] 5$' "$work/out.txt"
expect '^  \[0\] 8$' "$work/out.txt"
expect '^output positive: f32 24$' "$work/out.txt"

if run $absent > "$work/out.txt" 2> "$work/error.txt"; then
  echo "code that needs $absent was not refused"
  exit 1
fi
expect "$absent" "$work/error.txt"

if [ "$arch" = riscv64 ]; then
  cpu="-cpu rv64,v=false"
  if run v > "$work/out.txt" 2> "$work/error.txt"; then
    echo "vector code was not refused on a CPU without vectors"
    exit 1
  fi
  expect "'v'" "$work/error.txt"
fi
