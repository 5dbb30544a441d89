#include "tests/support/SharedData.h"

#include "driver/Load.h"
#include "frontend/io/TensorPb.h"

namespace edgecc::test {

Expected<SharedModel> loadSharedModel(const std::string &name, int testSet) {
  std::filesystem::path folder = sharedDir() / "models" / name;
  std::filesystem::path data = folder / ("test_data_set_" + std::to_string(testSet));
  driver::LoadOptions options;
  options.shapesFrom = data;
  SharedModel out;
  EDGECC_TRY(module, driver::loadModule(folder / "model.onnx", options));
  out.module = std::move(module);
  EDGECC_TRY(inputs, readTestData(data, "input"));
  EDGECC_TRY(outputs, readTestData(data, "output"));
  for (NamedTensor &input : inputs)
    out.inputs.push_back(std::move(input.tensor));
  for (NamedTensor &output : outputs)
    out.outputs.push_back(std::move(output.tensor));
  return out;
}

} // namespace edgecc::test
