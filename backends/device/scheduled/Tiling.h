// How a convolution is cut into tiles for a convolution engine: the vendor's public search
// (openvino, middleend/hw/conv_tiling), with the memory that tiles need in transit.
#pragma once

#include "backends/device/scheduled/Machine.h"

#include <compare>
#include <optional>

namespace edgecc::device::scheduled {

// A dense convolution of one group and one image. A matrix product is one with h = 1, a window of
// 1, and its rows along w.
struct ConvGeometry {
  int64_t channels = 0, outputs = 0; // of the group
  int64_t h = 1, w = 1, oh = 1, ow = 1;
  int64_t kh = 1, kw = 1;         // taps
  int64_t reachH = 1, reachW = 1; // of the dilated window
  int64_t strideH = 1, strideW = 1;
  int64_t xBytes = 2, wBytes = 2, outBytes = 2; // of an element
  int64_t sumBytes = 4;                         // of a partial sum
  int64_t positions = 1;  // of the convolution for each result: more than 1 where it is pooled
  bool isProduct = false; // accumulates over all blocks of input channels by itself

  auto operator<=>(const ConvGeometry &) const = default;
};

// What lies where, and how much room there is for what passes through.
struct TileRoom {
  bool loadsInput = false, loadsWeights = false, storesOutput = false;
  bool hasTail = false; // results go on to the vector engine
  uint64_t bytes = 0;   // for tiles in transit; each twice, so that transfers overlap computing

  auto operator<=>(const TileRoom &) const = default;
};

struct Tiling {
  uint32_t mode = 0;
  int64_t rows = 1, columns = 1; // of a tile of results
  int64_t channels = 0;          // of a tile of inputs
  int64_t outputs = 0;           // channels of an instruction: those of its piece of weights
  bool keepsWeights = false;     // all of them stay while tiles pass
  double us = 0;                 // of all tiles
  uint64_t descriptors = 0;
};

// The least time, then the fewest descriptors; nothing if no tiling keeps the engine's limits. The
// time is that of the engine by the vendor's cost function or, where they take longer, that of the
// transfers; and that of the first transfer, for which the engine waits.
std::optional<Tiling> searchTiling(const ConvGeometry &geometry, const TileRoom &room,
                                   const StreamMachine &machine);

// The same where each channel is for itself: `outputs` channels for an instruction. A window of no
// taps: pooling.
std::optional<Tiling> searchChannelwise(const ConvGeometry &geometry, const TileRoom &room,
                                        const StreamMachine &machine);

} // namespace edgecc::device::scheduled
