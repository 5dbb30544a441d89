#!/bin/sh
# Installs what is needed, builds everything and runs the checks and tests that CI runs.
set -eu
cd "$(dirname "$0")"
scripts/setup.sh
scripts/check.sh
scripts/build.sh
ctest --test-dir build --output-on-failure -j "$(nproc)"
