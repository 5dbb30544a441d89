#include "backends/device/scheduled/Tiling.h"

#include <algorithm>
#include <optional>

namespace edgecc::device::scheduled {

namespace {

constexpr int64_t kMostSplits = 15;        // where the description sets no limit
constexpr int64_t kPieceBytes = 64 * 1024; // of weights on their way, if a block of outputs allows
constexpr int64_t kKeptBytes = 128 * 1024; // of weights that stay while tiles pass

int64_t divideUp(int64_t a, int64_t b) { return (a + b - 1) / b; }
int64_t alignUp(int64_t a, int64_t b) { return divideUp(a, b) * b; }

// Whether the lines of a tile that the window needs fit the engine's line buffer (openvino,
// middleend/hw/tiling.cpp: lines of 16 bytes' multiples; two more lines than the window and the
// stride, three for narrow tiles).
bool fitsLineBuffer(const emulator::ConvolutionLimitsT &limits, const ConvGeometry &g,
                    int64_t tileH, int64_t tileW, int64_t channels) {
  if (!limits.line_buffer_bytes)
    return true;
  int64_t line = alignUp(tileW * g.xBytes, 16);
  int64_t lines =
      std::min(static_cast<int64_t>(limits.line_buffer_bytes) / (channels * line), tileH);
  int64_t needed = std::min(g.reachH + g.strideH + 2 + (tileW <= 8 ? 1 : 0), tileH);
  return needed <= lines;
}

// Bytes that a transfer of a part of planes moves over a memory whose shortest access is a burst.
int64_t movedBytes(int64_t planes, int64_t rows, int64_t columns, int64_t wholeRows,
                   int64_t wholeColumns, int64_t elementBytes, int64_t burst) {
  int64_t runs = planes * rows, run = columns * elementBytes;
  if (columns == wholeColumns) {
    runs = planes;
    run *= rows;
    if (rows == wholeRows) { // all planes in a row
      runs = 1;
      run *= planes;
    }
  }
  return runs * alignUp(run, burst);
}

struct Plane {
  int64_t rows, columns, tileH, tileW, tiles;
};

Plane planeOf(const ConvGeometry &g, int64_t splitsH, int64_t splitsW) {
  Plane plane;
  plane.rows = divideUp(g.oh, splitsH);
  plane.columns = divideUp(g.ow, splitsW);
  plane.tileH = std::min((plane.rows - 1) * g.strideH + g.reachH, g.h);
  plane.tileW = std::min((plane.columns - 1) * g.strideW + g.reachW, g.w);
  plane.tiles = divideUp(g.oh, plane.rows) * divideUp(g.ow, plane.columns);
  return plane;
}

// Every way of cutting `extent` that gives another size of pieces.
std::vector<int64_t> splitsOf(int64_t extent, int64_t most) {
  std::vector<int64_t> splits;
  int64_t last = 0;
  for (int64_t count = 1; count <= std::min(extent, most); ++count)
    if (int64_t size = divideUp(extent, count); size != last) {
      splits.push_back(count);
      last = size;
    }
  return splits;
}

class Search {
public:
  Search(const ConvGeometry &geometry, const TileRoom &room, const StreamMachine &machine)
      : g_(geometry), room_(room), machine_(machine), engine_(machine.engine(machine.convolution)),
        limits_(*engine_.limits), most_(limits_.max_splits ? limits_.max_splits : kMostSplits),
        burst_(machine.memory(machine.main).burst_bytes) {}

  std::optional<Tiling> dense() {
    // A product's pieces are as many as the memory asks for: it has no fixed number of splits.
    for (int64_t splitsC : splitsOf(g_.channels, g_.isProduct ? g_.channels : most_)) {
      if (g_.isProduct && best_)
        break; // fewer splits are always better
      for (int64_t splitsH : splitsOf(g_.oh, most_))
        for (int64_t splitsW : splitsOf(g_.ow, most_))
          for (uint32_t mode = 0; mode < engine_.modes.size(); ++mode)
            tryDense(divideUp(g_.channels, splitsC), planeOf(g_, splitsH, splitsW), mode);
    }
    return best_;
  }

  std::optional<Tiling> channelwise() {
    for (int64_t splitsH : splitsOf(g_.oh, most_))
      for (int64_t splitsW : splitsOf(g_.ow, most_))
        for (uint32_t mode = 0; mode < engine_.modes.size(); ++mode)
          tryChannelwise(planeOf(g_, splitsH, splitsW), mode);
    return best_;
  }

private:
  bool withinLimits(const Plane &plane, int64_t channels) const {
    return (!limits_.max_width || plane.tileW <= limits_.max_width) &&
           (!limits_.max_height || plane.tileH <= limits_.max_height) &&
           (!limits_.max_channels || g_.isProduct || channels <= limits_.max_channels);
  }

  void keep(const Tiling &tiling) {
    if (!best_ || tiling.us < best_->us ||
        (tiling.us == best_->us && tiling.descriptors < best_->descriptors))
      best_ = tiling;
  }

  struct Traffic {
    int64_t bytes = 0, transfers = 0; // of all tiles
    int64_t first = 0;                // bytes before the engine can start
    void add(int64_t size, int64_t times) {
      bytes += size * times;
      transfers += times;
    }
  };

  double usOf(double cycles, int64_t instructions, const Traffic &traffic) const {
    double computing = cycles / (engine_.clock_mhz * engine_.efficiency) +
                       static_cast<double>(instructions) * engine_.issue_us;
    if (traffic.transfers == 0)
      return computing;
    double bandwidth = machine_.memory(machine_.main).bandwidth_gb_s * 1e3; // bytes a microsecond
    double issue = machine_.engine(machine_.transfer).issue_us;
    double moving = static_cast<double>(traffic.bytes) / bandwidth +
                    static_cast<double>(traffic.transfers) * issue;
    return std::max(computing, moving) + static_cast<double>(traffic.first) / bandwidth + issue;
  }

  void tryDense(int64_t channels, const Plane &plane, uint32_t modeIndex) {
    const auto &mode = *engine_.modes[modeIndex];
    int64_t taps = g_.kh * g_.kw, splitsC = divideUp(g_.channels, channels);
    int64_t blocks = divideUp(channels, mode.in_block);
    if (!withinLimits(plane, channels) || (g_.positions > 1 && splitsC > 1))
      return;
    if (!g_.isProduct) {
      if (limits_.max_block_taps && blocks * taps > limits_.max_block_taps)
        return;
      if (!fitsLineBuffer(limits_, g_, plane.tileH, plane.tileW, blocks * mode.in_block))
        return;
    }
    Tiling tiling;
    tiling.mode = modeIndex;
    tiling.rows = plane.rows;
    tiling.columns = plane.columns;
    tiling.channels = channels;

    // Pieces of weights hold whole blocks of outputs.
    int64_t block = std::min<int64_t>(mode.out_block, g_.outputs);
    int64_t weights = channels * taps * g_.wBytes; // for each output
    int64_t limit = limits_.max_channels ? limits_.max_channels : g_.outputs;
    tiling.outputs = std::min(g_.outputs, limit);
    bool isKept = room_.loadsWeights && plane.tiles > 1 &&
                  g_.channels * taps * g_.wBytes * g_.outputs <= kKeptBytes;
    tiling.keepsWeights = isKept;
    if (room_.loadsWeights && !isKept)
      tiling.outputs =
          std::min(tiling.outputs, block * std::max<int64_t>(1, kPieceBytes / (weights * block)));

    bool isPartial = splitsC > 1;
    bool hasTail = room_.hasTail || isPartial;
    int64_t positions = plane.rows * plane.columns;
    int64_t result = g_.outputs * positions * (isPartial ? g_.sumBytes : g_.outBytes);
    int64_t inputs = plane.tileH * plane.tileW * channels * g_.xBytes;
    int64_t twice = plane.tiles > 1 ? 2 : 1;
    int64_t room = 0;
    if (room_.loadsInput)
      room += inputs * (plane.tiles * splitsC > 1 ? 2 : 1);
    if (room_.storesOutput || hasTail)
      room += result * twice;
    if (room_.loadsWeights)
      room += isKept ? g_.channels * taps * g_.wBytes * g_.outputs : weights * tiling.outputs * 2;
    if (static_cast<uint64_t>(room) > room_.bytes ||
        (machine_.local >= 0 &&
         static_cast<uint64_t>(g_.outputs * positions * g_.outBytes) > machine_.tileBytes &&
         (room_.storesOutput || hasTail)))
      return;

    int64_t pieces = g_.outputs / tiling.outputs, rest = g_.outputs % tiling.outputs;
    auto cyclesOf = [&](int64_t outputs, int64_t inChannels) {
      return emulator::convolutionCycles(
          mode, static_cast<uint64_t>(inChannels), static_cast<uint64_t>(outputs),
          static_cast<uint64_t>(taps), static_cast<uint64_t>(g_.oh * g_.ow * g_.positions));
    };
    double cycles = 0;
    int64_t restC = g_.channels - (splitsC - 1) * channels;
    for (int64_t split = 0; split < splitsC; ++split) {
      int64_t inChannels = split + 1 < splitsC ? channels : restC;
      cycles += static_cast<double>(pieces) * cyclesOf(tiling.outputs, inChannels) +
                (rest ? cyclesOf(rest, inChannels) : 0);
    }
    // Partial sums are read and written again.
    cycles += static_cast<double>((splitsC - 1) * g_.oh * g_.ow * g_.outputs);
    Traffic traffic;
    int64_t steps = plane.tiles * splitsC;
    int64_t moved = movedBytes(channels, plane.tileH, plane.tileW, g_.h, g_.w, g_.xBytes, burst_);
    if (g_.isProduct) // rows along w, channels in a row
      moved = movedBytes(1, plane.tileW, channels, g_.w, g_.channels, g_.xBytes, burst_);
    int64_t piece = movedBytes(1, tiling.outputs, channels * taps, g_.outputs, g_.channels * taps,
                               g_.wBytes, burst_);
    if (g_.isProduct)
      piece = movedBytes(1, channels, tiling.outputs, g_.channels, g_.outputs, g_.wBytes, burst_);
    if (room_.loadsInput)
      traffic.add(moved, steps);
    if (isKept)
      traffic.add(weights * splitsC * g_.outputs, 1);
    else if (room_.loadsWeights)
      traffic.add(piece, steps * divideUp(g_.outputs, tiling.outputs));
    traffic.first = (room_.loadsInput ? moved : 0) + (isKept ? weights * splitsC * g_.outputs
                                                      : room_.loadsWeights ? piece
                                                                           : 0);
    if (room_.storesOutput)
      traffic.add(g_.isProduct ? movedBytes(1, plane.columns, g_.outputs, g_.ow, g_.outputs,
                                            g_.outBytes, burst_)
                               : movedBytes(g_.outputs, plane.rows, plane.columns, g_.oh, g_.ow,
                                            g_.outBytes, burst_),
                  plane.tiles);
    tiling.us = usOf(cycles, steps * divideUp(g_.outputs, tiling.outputs), traffic);
    tiling.descriptors = static_cast<uint64_t>(
        plane.tiles * splitsC *
        (pieces * divideUp(tiling.outputs, mode.out_block) + divideUp(rest, mode.out_block)));
    keep(tiling);
  }

  void tryChannelwise(const Plane &plane, uint32_t modeIndex) {
    const auto &mode = *engine_.modes[modeIndex];
    bool isPool = g_.kh * g_.kw == 0;
    if (isPool && modeIndex > 0)
      return;
    if (!withinLimits(plane, 1))
      return;
    Tiling tiling;
    tiling.mode = modeIndex;
    tiling.rows = plane.rows;
    tiling.columns = plane.columns;
    int64_t multiplier = std::max<int64_t>(g_.outputs / g_.channels, 1);
    tiling.channels = isPool ? g_.channels : std::min<int64_t>(mode.in_block, g_.channels);
    for (;; tiling.channels = divideUp(tiling.channels, 2)) {
      int64_t inputs = tiling.channels * plane.tileH * plane.tileW * g_.xBytes;
      int64_t results = tiling.channels * multiplier * plane.rows * plane.columns * g_.outBytes;
      int64_t room = (room_.loadsInput ? 2 * inputs : 0) +
                     (room_.storesOutput || room_.hasTail ? 2 * results : 0) +
                     (room_.loadsWeights ? g_.outputs * g_.kh * g_.kw * g_.wBytes : 0);
      if (static_cast<uint64_t>(room) <= room_.bytes)
        break;
      if (tiling.channels == 1)
        return;
    }
    if (!fitsLineBuffer(limits_, g_, plane.tileH, plane.tileW, isPool ? 1 : tiling.channels))
      return;
    tiling.outputs = tiling.channels * multiplier;
    int64_t pieces = divideUp(g_.channels, tiling.channels);
    double cycles = 0; // of pooling: the same for all
    if (!isPool)
      cycles = static_cast<double>(pieces) *
               emulator::convolutionCycles(mode, static_cast<uint64_t>(tiling.channels),
                                           static_cast<uint64_t>(tiling.outputs),
                                           static_cast<uint64_t>(g_.kh * g_.kw),
                                           static_cast<uint64_t>(g_.oh * g_.ow));
    Traffic traffic;
    int64_t input =
        movedBytes(tiling.channels, plane.tileH, plane.tileW, g_.h, g_.w, g_.xBytes, burst_);
    if (room_.loadsInput) {
      traffic.add(input, plane.tiles * pieces);
      traffic.first = input;
    }
    if (room_.storesOutput)
      traffic.add(
          movedBytes(tiling.outputs, plane.rows, plane.columns, g_.oh, g_.ow, g_.outBytes, burst_),
          plane.tiles * pieces);
    tiling.us = usOf(cycles, plane.tiles * pieces, traffic);
    tiling.descriptors = static_cast<uint64_t>(plane.tiles * pieces);
    keep(tiling);
  }

  const ConvGeometry &g_;
  const TileRoom &room_;
  const StreamMachine &machine_;
  const emulator::EngineT &engine_;
  const emulator::ConvolutionLimitsT &limits_;
  int64_t most_;
  int64_t burst_; // of the main memory
  std::optional<Tiling> best_;
};

} // namespace

std::optional<Tiling> searchTiling(const ConvGeometry &geometry, const TileRoom &room,
                                   const StreamMachine &machine) {
  return Search(geometry, room, machine).dense();
}

std::optional<Tiling> searchChannelwise(const ConvGeometry &geometry, const TileRoom &room,
                                        const StreamMachine &machine) {
  return Search(geometry, room, machine).channelwise();
}

} // namespace edgecc::device::scheduled
