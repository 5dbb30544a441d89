// One of ONNX's backend node tests: a folder with model.onnx and test_data_set_0/.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"

#include <filesystem>
#include <functional>
#include <string>

namespace edgecc::conformance {

// Floats may differ by absolute + relative * |expected|; integers may not.
struct Tolerance {
  double relative = 1e-3, absolute = 1e-7; // ONNX's own
};

struct Case {
  std::string name; // "test_add_bcast"
  std::filesystem::path model;
  std::vector<std::string> inputNames;
  std::vector<Tensor> inputs, outputs;
  Tolerance tolerance;
};

// The names of all cases in a folder, sorted.
std::vector<std::string> listCases(const std::filesystem::path &folder);
Expected<Case> loadCase(const std::filesystem::path &folder, const std::string &name);

struct Run {
  std::vector<Tensor> outputs;
  bool callsSupport = false;
};

// A backend: runs a function on inputs of its argument types.
using Runner = std::function<Expected<Run>(const Function &, std::span<const Tensor>)>;

// What became of a case.
struct Outcome {
  enum class Kind : uint8_t {
    Passed,    // right
    Supported, // right, with calls of support functions among the generated code
    Folded,    // right, and nothing was left to run: the importer computed the results
    Refused,   // the compiler or backend said why it does not take the model
    Wrong,     // a wrong result, a crash, or a run that does not end
  };
  Kind kind = Kind::Wrong;
  // The case passes only if operands that shapes or attributes depend on are compiled in.
  bool frozeInputs = false;
  std::string reason; // for Refused and Wrong
};

// Imports the model with the shapes of the case's inputs, runs it and compares the outputs. Where
// the importer refuses, inputs that may be shapes or attributes are frozen, first integers, then
// all of rank 0 or 1.
Outcome runCase(const Case &testCase, const Runner &runner);

} // namespace edgecc::conformance
