// SPDX-License-Identifier: Apache-2.0
//
// The blob around flat_model.c, for the tests of blob and runtime.
#pragma once

#include "edgecc/abi.h"
#include "runtime/blob/BlobWriter.h"

#include <fstream>
#include <iterator>
#include <string>

namespace edgecc::test {

inline std::string readFile(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline constexpr float kFlatWeights[4] = {2, -1, 0.5f, 3};

inline blob::Arch hostArch() {
#if defined(__x86_64__)
  return blob::Arch::X86_64;
#elif defined(__aarch64__)
  return blob::Arch::AArch64;
#else
  return blob::Arch::RiscV64;
#endif
}

/// Owns the bytes that the contents borrow.
struct FlatModel {
  std::string code;
  std::string weights{reinterpret_cast<const char *>(kFlatWeights), sizeof kFlatWeights};
  blob::BlobContents contents;

  explicit FlatModel(const std::string &image = EDGECC_FLAT_MODEL, blob::Arch arch = hostArch())
      : code(readFile(image)) {
    contents.modelName = "flat";
    contents.producer = "edgecc test";
    blob::TensorContents x, state, y, next, positive;
    x.name = "x";
    x.dims = {6, 4};
    x.dimNames = {"rows", ""};
    x.quantization = {{0.5f, 0.25f, 1, 2}, {1, 2, 3, 4}, 1};
    x.preprocessing = {true, "NHWC", "RGB", {1, 2, 3}, {4, 5, 6}, true};
    state.name = "state";
    state.dims = {4};
    y.name = "y";
    y.dims = {6, 4};
    next.name = "next";
    next.dims = {4};
    positive.name = "positive";
    positive.dims = {24};
    positive.dynamic = true;
    contents.inputs = {x, state};
    contents.outputs = {y, next, positive};

    blob::VariantContents variant;
    variant.triple = "host";
    variant.arch = arch;
    variant.cpu = "generic";
    variant.segments = {{0, code.size(), true}};
    variant.entries = {{"model_run", 0, EDGECC_ABI_VERSION}};
    variant.arenaBytes = 64;
    variant.threadScratchBytes = 64;
    variant.layers = {{{"mul", "add"}, "Mul+Add 6x4", blob::LayerKind::VectorKernel, 24, 192},
                      {{"sum"}, "ReduceSum 4", blob::LayerKind::ScalarLoop, 0, 112}};
    variant.symbols = {{"model_run", 0, 16}};
    variant.code = code;
    variant.weights = weights;
    contents.variants = {variant};
    contents.notes = {{"options", "--test"}};
  }
  FlatModel(const FlatModel &) = delete;
  FlatModel &operator=(const FlatModel &) = delete;
};

} // namespace edgecc::test
