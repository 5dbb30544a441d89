// SPDX-License-Identifier: Apache-2.0
//
// Writes the blob of flat_model.c, for tests in other languages and as a seed for fuzz_blob:
// make_flat_blob FILE
#include "tests/unit/runtime/FlatModel.h"

#include <cstdio>

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  edgecc::test::FlatModel model;
  std::string error = edgecc::blob::writeBlobFile(argv[1], model.contents);
  if (!error.empty())
    fprintf(stderr, "%s\n", error.c_str());
  return error.empty() ? 0 : 1;
}
