// All models of a collection on a device.
#pragma once

#include "ir/Diagnostic.h"

#include <string>
#include <vector>

namespace edgecc::bench {

struct ModelsOptions {
  std::string device;
  std::string folder;            // with models.json
  std::vector<std::string> only; // names, or all
  bool numerics = true;          // also compute, and compare with the reference backend bit for bit
};

// Lowers each model (for dataflow machines to integers, with the ranges of the sample), maps it,
// lets the emulator compute it on the first test data of the collection, and compares with the
// reference backend on the same lowered module: equal, or the first difference; where it is
// refused, why. Also prints how far the worst output is from that of the model as it was: what
// lowering does wrong shows there alone. Returns whether all that compiled were equal.
Expected<bool> compareModels(const ModelsOptions &options);

} // namespace edgecc::bench
