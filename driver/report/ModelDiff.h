// Two versions of a model, tensor by tensor.
#pragma once

#include "driver/ImageArguments.h"
#include "driver/report/Correspondence.h"
#include "ir/Diagnostic.h"

#include <filesystem>
#include <functional>
#include <optional>

namespace edgecc::driver {

struct DiffOptions {
  std::filesystem::path reference, other; // ONNX, text IR or blob
  std::string inputs;                     // folder or "random:N"
  ImageArguments image;
  std::vector<std::string> shapes;      // of the ONNX models' inputs
  std::filesystem::path shapesFrom;     // folder with input_J.pb, likewise
  std::vector<std::string> imageInputs; // as for a compile: of versions that are not compiled yet
  size_t samples = 0;                   // 0: all
  double threshold = 20;                // dB below which the versions have parted
};

struct TensorDiff {
  std::string tensor, layer;   // the ONNX tensor and the node that computes it
  Dims dims;                   // in `reference`
  size_t channelsCompared = 0; // of the axis whose channels were removed; 0: all
  Difference difference;
};

struct ModelDiff {
  std::vector<TensorDiff> tensors; // in the order in which `other` computes them
  size_t samples = 0;
  bool onlyOutputs = false; // a blob keeps no intermediate values
  double threshold = 0;

  // The first tensor with less than the threshold; none if they agree.
  const TensorDiff *parted() const;
};

// Runs both versions on all samples. What is compared are the tensors that both still have.
// `progress` may be empty; `warnings` receives sentences.
Expected<ModelDiff> diffModels(const DiffOptions &options, std::vector<std::string> &warnings,
                               const std::function<void(size_t done, size_t total)> &progress);

} // namespace edgecc::driver
