// The measurements, one function each: they fill tables and fail where a model cannot be compiled
// at all.
#pragma once

#include "bench/accuracy/Table.h"
#include "bench/accuracy/Workbench.h"

namespace edgecc::bench {

using Tables = std::vector<Table>;

// Compiled float models on labelled pictures, beside another runtime's numbers for the same.
Expected<Tables> runFloat(const Workbench &bench);

// Post-training int8 quantisation of every float model.
Expected<Tables> runInt8(const Workbench &bench);

// 4-bit weights, to nearest and by AdaRound, on labelled pictures.
Expected<Tables> runAdaRound(const Workbench &bench);

// A network with badly scaled channels, per-tensor int8, with and without equalisation.
Expected<Tables> runRescue(const Workbench &bench);

// Accuracy and time at 10 ... 70 % of the MACs removed.
Expected<Tables> runPrune(const Workbench &bench);

// Pruning and int8 together.
Expected<Tables> runCombined(const Workbench &bench);

// Transposed convolutions rewritten: error and time.
Expected<Tables> runConvTranspose(const Workbench &bench);

// Time of each layer, int8 against float.
Expected<Tables> runLayers(const Workbench &bench);

// The same bytes from every run.
Expected<Tables> runReproducible(const Workbench &bench);

struct Scenario {
  const char *name, *doc;
  Expected<Tables> (*run)(const Workbench &);
};
const std::vector<Scenario> &scenarios();

} // namespace edgecc::bench
