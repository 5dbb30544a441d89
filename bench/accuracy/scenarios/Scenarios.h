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

struct Scenario {
  const char *name, *doc;
  Expected<Tables> (*run)(const Workbench &);
};
const std::vector<Scenario> &scenarios();

} // namespace edgecc::bench
