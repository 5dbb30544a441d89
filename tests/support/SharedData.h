// Models and their test data in the shared folder, which is not part of the project.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>

namespace edgecc::test {

// A real model with the inputs and expected outputs of one of its test sets.
struct SharedModel {
  std::unique_ptr<Module> module;
  std::vector<Tensor> inputs;
  std::vector<Tensor> outputs;
};

inline std::filesystem::path sharedDir() { return EDGECC_SHARED_DIR; }

// Symbolic extents are bound to those of the test set.
Expected<SharedModel> loadSharedModel(const std::string &name, int testSet);

// Where the file is absent: skips the test on a developer's machine, fails it in CI.
#define EDGECC_NEED_SHARED(path)                                                                   \
  do {                                                                                             \
    if (!std::filesystem::exists(path)) {                                                          \
      if (std::getenv("CI"))                                                                       \
        FAIL() << "there is no " << (path);                                                        \
      GTEST_SKIP() << "there is no " << (path) << "; set EDGECC_SHARED_DIR to the shared data";    \
    }                                                                                              \
  } while (false)

} // namespace edgecc::test
