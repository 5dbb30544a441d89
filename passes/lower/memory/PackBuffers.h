// Offset assignment: dynamic storage allocation with known lifetimes.
#pragma once

#include "passes/lower/memory/Timeline.h"

#include <cstdint>
#include <vector>

namespace edgecc::memory {

struct Chunk {
  int64_t bytes; // a multiple of the alignment
  Interval life;
  int64_t offset = 0; // the result
};

// The most bytes that live at one time: no arena can be smaller.
int64_t lowerBound(const std::vector<Chunk> &chunks);

// Sets every offset such that chunks that live at the same time do not overlap; returns the size of
// the arena. Several greedy orders are tried, then random exchanges from a fixed seed while the
// result is above the lower bound; the outcome depends on the input only.
int64_t packBuffers(std::vector<Chunk> &chunks);

} // namespace edgecc::memory
