// Predicted beside published figures.
#pragma once

#include "bench/zoo/Csv.h"

namespace edgecc::bench {

struct PublishedOptions {
  std::string device;            // name or path of a description
  std::string table;             // CSV file
  std::vector<std::string> only; // models, or all
  bool verbose = false;          // the slowest layers of each
};

// Prints one line for each row that can be rebuilt, then the error of the rows of each role and
// family: exp(mean |ln(predicted / published)|) - 1, and how often one or several contexts were
// predicted, beside the rule that only counts parameters.
Expected<void> comparePublished(const PublishedOptions &options);

} // namespace edgecc::bench
