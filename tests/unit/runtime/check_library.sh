#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# check_library.sh LIBRARY: the runtime needs libc alone, exports its API alone, and is small.
set -eu
export LC_ALL=C

needed=$(readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
if [ "$needed" != "libc.so.6" ]; then
  echo "the library needs more than libc:" $needed
  exit 1
fi

foreign=$(nm -D --defined-only "$1" | awk '{print $3}' | grep -v '^edgecc_' || true)
if [ -n "$foreign" ]; then
  echo "the library exports more than its API:" $foreign
  exit 1
fi

stripped=$(mktemp)
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$1"
bytes=$(wc -c < "$stripped")
if [ "$bytes" -gt 61440 ]; then
  echo "the stripped library has $bytes bytes, the budget is 61440"
  exit 1
fi
