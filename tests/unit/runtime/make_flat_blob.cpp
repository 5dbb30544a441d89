// SPDX-License-Identifier: Apache-2.0
//
// Writes the blob of flat_model.c, for tests in other languages and as a seed for fuzz_blob:
// make_flat_blob FILE [IMAGE ARCH FEATURE...], ARCH being aarch64 or riscv64 and IMAGE the code.
#include "tests/unit/runtime/FlatModel.h"

#include <cstdio>
#include <string_view>

using namespace edgecc;

static blob::Arch parseArch(std::string_view name) {
  return name == "aarch64"   ? blob::Arch::AArch64
         : name == "riscv64" ? blob::Arch::RiscV64
                             : blob::Arch::None;
}

static int write(const char *path, test::FlatModel &model, char **features, int count) {
  for (int i = 0; i < count; ++i)
    model.contents.variants[0].features.push_back(features[i]);
  std::string error = blob::writeBlobFile(path, model.contents);
  if (!error.empty())
    fprintf(stderr, "%s\n", error.c_str());
  return error.empty() ? 0 : 1;
}

int main(int argc, char **argv) {
  if (argc == 2) {
    test::FlatModel model;
    return write(argv[1], model, nullptr, 0);
  }
  if (argc >= 4 && parseArch(argv[3]) != blob::Arch::None) {
    test::FlatModel model(argv[2], parseArch(argv[3]));
    return write(argv[1], model, argv + 4, argc - 4);
  }
  fprintf(stderr, "usage: make_flat_blob FILE [IMAGE aarch64|riscv64 FEATURE...]\n");
  return 2;
}
