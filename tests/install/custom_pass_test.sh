#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# custom_pass_test.sh SOURCE_DIR BUILD_DIR CXX: builds examples/custom_pass against an installed tree and
# lets the installed edgecc run it.
set -eu
source=$1
build=$2
cxx=$3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/prefix
cmake --install "$build" --prefix "$prefix" > "$work/install.log"
{ cmake -S "$source/examples/custom_pass" -B "$work/pass" -DCMAKE_PREFIX_PATH="$prefix" \
    -DCMAKE_CXX_COMPILER="$cxx" && cmake --build "$work/pass"; } > "$work/build.log" 2>&1 ||
  { cat "$work/build.log"; exit 1; }
plugin=$work/pass/libharden_swish.so
example=$source/examples/custom_pass/example.ir

expect() { # expect COUNT OP PASSES
  found=$("$prefix/bin/edgecc" opt "$example" --load-pass "$plugin" --passes="$3" | grep -c "= $2(" || true)
  if [ "$found" != "$1" ]; then
    echo "expected $1 x $2 after $3, found $found"
    exit 1
  fi
}
expect 2 HardSwish harden-swish
expect 1 HardSwish 'harden-swish{prefix=block2}'
expect 1 Swish 'harden-swish{prefix=block2}'

# What is no plugin is refused.
if "$prefix/bin/edgecc" opt "$example" --load-pass "$example" 2> "$work/error.txt"; then
  echo "a text file was loaded as a plugin"
  exit 1
fi
grep -q "cannot load the pass plugin" "$work/error.txt"
