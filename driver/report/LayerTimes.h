// Where two versions of a model spend their time.
#pragma once

#include "ir/DataSource.h"
#include "ir/Diagnostic.h"
#include "ir/Module.h"

#include <map>
#include <optional>
#include <string>

namespace edgecc::driver {

// Of one version, in nanoseconds on one thread.
struct LayerTimes {
  double total = 0;                     // median of a run
  std::map<std::string, double> byNode; // median; a kernel's time is shared among its nodes
                                        // by their multiply-accumulates
  int64_t fileBytes = 0;                // of the compiled model as a blob
  int64_t arenaBytes = 0;               // working memory of a run

  // Of the nodes of an op's location; 0 where no kernel names them.
  double of(const std::string &location) const;
};

struct TimedVersions {
  std::optional<LayerTimes> before;
  LayerTimes after;
};

// Compiles both for this machine and runs them in turn, so that both see the same machine. `inputs`
// suit both; `before` may be null; `cpu` as for --cpu.
Expected<TimedVersions> timeVersions(const Module *before, const Module &after,
                                     std::span<const Tensor> inputs, const std::string &cpu);

} // namespace edgecc::driver
