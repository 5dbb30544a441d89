#include "tests/conformance/Case.h"

#include "backends/reference/ReferenceExecutor.h"
#include "frontend/io/TensorPb.h"
#include "frontend/onnx/Importer.h"
#include "frontend/onnx/ModelInfo.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::conformance {

namespace fs = std::filesystem;

std::vector<std::string> listCases(const fs::path &folder) {
  std::vector<std::string> names;
  for (const auto &entry : fs::directory_iterator(folder))
    if (fs::exists(entry.path() / "model.onnx"))
      names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

Expected<Case> loadCase(const fs::path &folder, const std::string &name) {
  Case testCase{name, folder / name / "model.onnx", {}, {}, {}, {}};
  EDGECC_TRY(info, readModelInfo(testCase.model));
  for (const ValueSummary &input : info.inputs)
    testCase.inputNames.push_back(input.name);
  fs::path data = folder / name / "test_data_set_0";
  EDGECC_TRY(inputs, readTestData(data, "input"));
  EDGECC_TRY(outputs, readTestData(data, "output"));
  if (inputs.size() != testCase.inputNames.size() || outputs.size() != info.outputs.size())
    return error("the test data does not match the model's inputs and outputs");
  for (NamedTensor &input : inputs)
    testCase.inputs.push_back(std::move(input.tensor));
  for (NamedTensor &output : outputs)
    testCase.outputs.push_back(std::move(output.tensor));
  return testCase;
}

namespace {

// Empty if the tensors agree.
std::string difference(const Tensor &actual, const Tensor &expected, Tolerance tolerance) {
  if (actual.dtype() != expected.dtype() || actual.dims() != expected.dims())
    return "is " + actual.type().str() + ", expected " + expected.type().str();
  bool isExact = !isFloat(expected.dtype()) && !isStorageFloat(expected.dtype());
  for (int64_t i = 0; i < expected.elements(); ++i) {
    bool isClose;
    if (isExact) {
      isClose = actual.asInt(i) == expected.asInt(i);
    } else {
      double a = actual.asDouble(i), b = expected.asDouble(i);
      isClose = a == b || (std::isnan(a) && std::isnan(b)) ||
                std::fabs(a - b) <= tolerance.absolute + tolerance.relative * std::fabs(b);
    }
    if (!isClose)
      return fmt::format("element {} is {}, expected {}", i, actual.asDouble(i),
                         expected.asDouble(i));
  }
  return "";
}

// Whether nothing but constants leaves the function.
bool isFolded(const Function &function) {
  return std::ranges::all_of(function.body.ops(), [](const auto &op) {
    return op->kind() == OpKind::Param || op->kind() == OpKind::Yield;
  });
}

enum class Freeze : uint8_t { None, Integers, Vectors };

bool freezes(Freeze freeze, const Tensor &input) {
  if (freeze == Freeze::None || input.rank() > 1)
    return false;
  return freeze == Freeze::Vectors || !isFloat(input.dtype());
}

struct Prepared {
  std::unique_ptr<Module> module;
  std::vector<Tensor> inputs; // of the function that is left
  bool frozeInputs = false;
};

Expected<Prepared> import(const Case &testCase, Freeze freeze) {
  ReferenceExecutor folder;
  ImportOptions options;
  options.folder = &folder;
  Prepared prepared;
  for (size_t i = 0; i < testCase.inputs.size(); ++i) {
    const Tensor &input = testCase.inputs[i];
    if (freezes(freeze, input)) {
      options.frozenInputs[testCase.inputNames[i]] = input;
      prepared.frozeInputs = true;
      continue;
    }
    options.inputShapes[testCase.inputNames[i]] = input.dims();
    prepared.inputs.push_back(input);
  }
  EDGECC_TRY(module, importOnnxFile(testCase.model, options));
  prepared.module = std::move(module);
  return prepared;
}

std::string oneLine(const Diagnostics &diagnostics) {
  std::string text = str(diagnostics);
  std::ranges::replace(text, '\n', ' ');
  return text;
}

Outcome check(const Case &testCase, const Runner &runner, const Prepared &prepared) {
  const Function &function = prepared.module->main();
  Outcome outcome{Outcome::Kind::Wrong, prepared.frozeInputs, ""};
  auto run = runner(function, prepared.inputs);
  if (!run)
    return {Outcome::Kind::Refused, prepared.frozeInputs, oneLine(run.error())};
  if (run->outputs.size() != testCase.outputs.size())
    outcome.reason = "the number of outputs is wrong";
  for (size_t i = 0; outcome.reason.empty() && i < run->outputs.size(); ++i)
    if (std::string what = difference(run->outputs[i], testCase.outputs[i], testCase.tolerance);
        !what.empty())
      outcome.reason = "output " + std::to_string(i) + ": " + what;
  if (outcome.reason.empty())
    outcome.kind = isFolded(function)  ? Outcome::Kind::Folded
                   : run->callsSupport ? Outcome::Kind::Supported
                                       : Outcome::Kind::Passed;
  return outcome;
}

} // namespace

Outcome runCase(const Case &testCase, const Runner &runner) {
  Outcome outcome;
  std::string refusal;
  for (Freeze freeze : {Freeze::None, Freeze::Integers, Freeze::Vectors}) {
    auto prepared = import(testCase, freeze);
    if (!prepared) {
      refusal = oneLine(prepared.error());
      continue;
    }
    outcome = check(testCase, runner, *prepared);
    if (outcome.kind != Outcome::Kind::Refused)
      return outcome;
    refusal = outcome.reason;
  }
  return {Outcome::Kind::Refused, false, refusal};
}

} // namespace edgecc::conformance
