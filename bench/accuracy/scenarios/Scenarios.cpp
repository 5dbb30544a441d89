#include "bench/accuracy/scenarios/Scenarios.h"

namespace edgecc::bench {

const std::vector<Scenario> &scenarios() {
  static const std::vector<Scenario> kAll{
      {"float", "float models beside ONNX Runtime's accuracy on the same pictures", runFloat},
      {"int8", "int8 quantisation of every float model", runInt8},
      {"rescue", "equalisation and bias correction of a badly scaled network", runRescue},
      {"adaround", "4-bit weights: AdaRound against rounding to nearest", runAdaRound},
      {"prune", "accuracy and time at 10 to 70 % of the MACs removed", runPrune},
      {"combined", "pruning and int8 together", runCombined},
      {"convtranspose", "transposed convolutions rewritten to convolutions", runConvTranspose},
      {"layers", "time of int8 layers against float", runLayers},
      {"reproducible", "same bytes from every run and number of threads", runReproducible},
  };
  return kAll;
}

} // namespace edgecc::bench
