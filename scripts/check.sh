#!/bin/sh
# Format, layering and file-size checks: everything that needs no build.
set -eu
cd "$(dirname "$0")/.."
python3 scripts/check_layers.py
git ls-files '*.cpp' '*.h' '*.c' | grep -v '\.pb\.' | xargs clang-format-19 --dry-run -Werror
