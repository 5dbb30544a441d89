// How evenly the work of a model divides among threads, told apart from how many cores are free:
// the ranges of units that threads would run at once are run one after another, and each is timed.
#pragma once

#include "driver/RuntimeModel.h"

namespace edgecc::driver {

struct WorkBalance {
  unsigned threads = 1;
  size_t parts = 0;       // kernels that are divided
  double wholeNs = 0;     // least times of all ranges, and of what is not divided
  double longestNs = 0;   // the same with the longest range of each kernel alone
  double speedUp() const; // at most, with that number of threads
};

// Of `runs` runs on inputs of zeros. Errors: those of loading and running the blob.
Expected<WorkBalance> measureBalance(const std::filesystem::path &blob, unsigned threads,
                                     unsigned runs);

} // namespace edgecc::driver
