// The models of EDGECC_SHARED_DIR with the shapes of their test data.
#pragma once

#include "backends/reference/ReferenceExecutor.h"
#include "frontend/io/TensorPb.h"
#include "frontend/onnx/Importer.h"
#include "frontend/onnx/ModelInfo.h"

#include <algorithm>

namespace edgecc::test {

// Folders with a model.onnx, sorted; empty if the models are not there.
inline std::vector<std::string> sharedModels() {
  std::vector<std::string> names;
  std::error_code status;
  for (const auto &entry : std::filesystem::directory_iterator(EDGECC_SHARED_DIR "/models", status))
    if (std::filesystem::exists(entry.path() / "model.onnx"))
      names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

struct SharedModelData {
  std::unique_ptr<Module> module;
  std::vector<Tensor> inputs;  // in the order of the module's inputs
  std::vector<Tensor> outputs; // expected ones
};

// The model bound to the shapes of test data set 0.
inline Expected<SharedModelData> importSharedModel(const std::string &name) {
  auto folder = std::filesystem::path(EDGECC_SHARED_DIR "/models") / name;
  ReferenceExecutor executor;
  Diagnostics warnings; // silero_vad: a branch for another sample rate does not fit these shapes
  ImportOptions options;
  options.folder = &executor;
  options.warnings = &warnings;
  EDGECC_TRY(info, readModelInfo(folder / "model.onnx"));
  EDGECC_TRY(inputs, readTestData(folder / "test_data_set_0", "input"));
  EDGECC_TRY(outputs, readTestData(folder / "test_data_set_0", "output"));
  if (inputs.size() != info.inputs.size())
    return error("the test data has another number of inputs than the model");
  SharedModelData data;
  for (size_t i = 0; i < inputs.size(); ++i) {
    options.inputShapes[info.inputs[i].name] = inputs[i].tensor.dims();
    data.inputs.push_back(inputs[i].tensor);
  }
  for (const NamedTensor &output : outputs)
    data.outputs.push_back(output.tensor);
  EDGECC_TRY(module, importOnnxFile(folder / "model.onnx", options));
  data.module = std::move(module);
  return data;
}

} // namespace edgecc::test
