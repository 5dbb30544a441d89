#!/bin/sh
# Installs what edgecc is built and tested with, from Debian 12's packages. Run as root or with sudo.
# Packages that are there already cost nothing.
set -eu

packages="
  ca-certificates cmake ninja-build ccache git python3 python3-numpy
  clang-19 clang-format-19 lld-19 liblld-19-dev llvm-19 llvm-19-dev llvm-19-tools
  libclang-rt-19-dev libc6-dev libstdc++-12-dev
  protobuf-compiler libprotobuf-dev libeigen3-dev libfmt-dev libexpected-dev
  libflatbuffers-dev flatbuffers-compiler flatbuffers-compiler-dev libxxhash-dev libcli11-dev libstb-dev nlohmann-json3-dev
  libgtest-dev libgmock-dev libbenchmark-dev zlib1g-dev pkg-config binutils time
  qemu-user libc6-dev-arm64-cross libstdc++-12-dev-arm64-cross
  libc6-dev-riscv64-cross libstdc++-12-dev-riscv64-cross
"

missing=""
for package in $packages; do
  if ! dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed'; then
    missing="$missing $package"
  fi
done
[ -z "$missing" ] && exit 0

as_root=""
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || { echo "setup: run as root, or install sudo" >&2; exit 1; }
  as_root="sudo"
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -qq
# shellcheck disable=SC2086
$as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null
