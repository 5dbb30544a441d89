#include "bench/accuracy/scenarios/Scenarios.h"

namespace edgecc::bench {

const std::vector<Scenario> &scenarios() {
  static const std::vector<Scenario> kAll{
      {"float", "float models beside ONNX Runtime's accuracy on the same pictures", runFloat},
      {"int8", "int8 quantisation of every float model", runInt8},
  };
  return kAll;
}

} // namespace edgecc::bench
