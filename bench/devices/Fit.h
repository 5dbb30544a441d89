// The constants of a dataflow machine that no document states, from published figures.
#pragma once

#include "ir/Diagnostic.h"

#include <string>

namespace edgecc::bench {

struct FitOptions {
  std::string device; // name or path of a description: all that is not fitted comes from there
  std::string table;  // CSV file; rows of role "calibrate" alone are used
};

// Searches the constants with the least mean |ln(predicted / published)| over the frame rates of
// the calibrate rows (batch 8; where there are several contexts, batch 1 too), each wrong number of
// contexts counting as a factor of two. Prints the search's steps, the constants, the rows under
// them and how much worse the objective gets when each is changed by a tenth: what it hardly
// depends on, the rows do not tell. Deterministic.
Expected<void> fitConstants(const FitOptions &options);

} // namespace edgecc::bench
