#include "tests/export/OnnxRuntime.h"

#include "frontend/io/TensorPb.h"

#include <cstdlib>
#include <fmt/format.h>
#include <fstream>

namespace edgecc::test {

namespace fs = std::filesystem;

static fs::path benchFolder() { return fs::path(EDGECC_SOURCE_DIR) / "bench"; }

std::string whyNoOnnxRuntime() {
  if (!fs::exists(benchFolder() / "node_modules" / "onnxruntime-node"))
    return "onnxruntime-node is not installed in bench/ (npm install)";
  if (std::system("node --version > /dev/null 2>&1") != 0)
    return "there is no node in PATH";
  return "";
}

Expected<std::vector<Tensor>> runOnnxRuntime(const fs::path &model, std::span<const Tensor> inputs,
                                             const fs::path &folder) {
  for (size_t i = 0; i < inputs.size(); ++i)
    EDGECC_CHECK(writeTensorPb(folder / fmt::format("input_{}.pb", i), "", inputs[i]));
  fs::path log = folder / "log.txt";
  std::string command = fmt::format("node '{}' --outputs '{}' '{}' '{}' > '{}' 2>&1",
                                    (benchFolder() / "onnxruntime_worker.js").string(),
                                    model.string(), folder.string(), folder.string(), log.string());
  if (std::system(command.c_str()) != 0) {
    std::ifstream file(log);
    return error("ONNX Runtime fails: " +
                 std::string(std::istreambuf_iterator<char>(file), {}).substr(0, 2000));
  }
  EDGECC_TRY(named, readTestData(folder, "output"));
  std::vector<Tensor> outputs;
  for (NamedTensor &one : named)
    outputs.push_back(std::move(one.tensor));
  return outputs;
}

} // namespace edgecc::test
