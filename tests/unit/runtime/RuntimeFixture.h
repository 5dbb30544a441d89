// SPDX-License-Identifier: Apache-2.0
//
// Fixture of the tests that drive the C API with a hand-made model (flat_model.c).
#pragma once

#include "edgecc/runtime.h"
#include "tests/unit/runtime/FlatModel.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

namespace edgecc::test {

using ModelPtr = std::unique_ptr<edgecc_model, decltype(&edgecc_model_destroy)>;
using ContextPtr = std::unique_ptr<edgecc_context, decltype(&edgecc_context_destroy)>;

struct alignas(64) Matrix {
  float values[24];
};

inline Matrix exampleInput() {
  Matrix x;
  for (int i = 0; i < 24; ++i)
    x.values[i] = 0.37f * float(i) - 3;
  return x;
}

inline Matrix expectedY(const Matrix &x, const float *state) {
  Matrix y;
  for (int i = 0; i < 24; ++i)
    y.values[i] = x.values[i] * kFlatWeights[i % 4] + state[i % 4];
  return y;
}

class Runtime : public testing::Test {
protected:
  void SetUp() override {
    const char *test = testing::UnitTest::GetInstance()->current_test_info()->name();
    path_ = testing::TempDir() + "runtime_test_" + test + ".blob";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  edgecc_status tryLoad(edgecc_model **model) {
    EXPECT_EQ(blob::writeBlobFile(path_, flat_.contents), "");
    return edgecc_model_load_file(path_.c_str(), nullptr, model, &error_);
  }
  ModelPtr load() {
    edgecc_model *model = nullptr;
    EXPECT_EQ(tryLoad(&model), EDGECC_OK) << error_.text;
    return {model, edgecc_model_destroy};
  }
  ContextPtr context(const ModelPtr &model, uint32_t threads = 1,
                     const edgecc_thread_pool *pool = nullptr) {
    edgecc_context_options options = {};
    options.struct_size = sizeof options;
    options.num_threads = threads;
    options.thread_pool = pool;
    edgecc_context *created = nullptr;
    EXPECT_EQ(edgecc_context_create(model.get(), &options, &created, &error_), EDGECC_OK)
        << error_.text;
    return {created, edgecc_context_destroy};
  }

  FlatModel flat_;
  std::string path_;
  edgecc_error error_ = {};
};

} // namespace edgecc::test
