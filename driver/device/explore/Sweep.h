// Many compiles of one model for devices, each with other options.
#pragma once

#include "driver/Options.h"

#include <map>
#include <optional>

namespace edgecc::driver {

// One thing that varies: "shaves=4,8,16", or "shaves=1:16:1" (first, last, step).
struct SweepAxis {
  std::string name; // target, shaves, streams, batch, compute-cap, control-cap, memory-cap,
                    // quantize, prune (fraction of MACs), input (NAME=DIMS; DIMS or the size of
                    // square images for the model's only input of images)
  std::vector<std::string> values;
};
Expected<SweepAxis> parseSweepAxis(const std::string &text);

// A combination of values, by axis.
using SweepPoint = std::map<std::string, std::string>;

// All combinations, the last axis fastest. Fails if there are more than kMaxPoints.
inline constexpr size_t kMaxPoints = 10000;
Expected<std::vector<SweepPoint>> pointsOf(const std::vector<SweepAxis> &axes);

// `base` with the point's values.
Expected<CompileOptions> apply(const CompileOptions &base, const SweepPoint &point);

// What a compile came to.
struct SweepResult {
  SweepPoint point;
  std::string failure; // a sentence; empty: it compiled
  double latencyMs = 0, fps = 0, energyMj = 0;
  double bytesPerFrame = 0; // over external memory and links
  double peakBytes = 0;     // of the tightest memory
  double fileBytes = 0;
  unsigned contexts = 1;
  std::string bottleneck;
  std::optional<double> score; // in points of the metric, where samples were given
};

struct SweepOptions {
  CompileOptions base;
  std::vector<SweepAxis> axes;
  std::filesystem::path results; // one JSON object a line; points that are in it are not run again
  std::string context;           // whatever else the results depend on: options in words
  unsigned jobs = 0;             // at a time; 0: all cores
};

// In the order of the points. Each result is appended to the file as it comes.
Expected<std::vector<SweepResult>> sweep(const SweepOptions &options);

// Indices of the results that no other one beats in latency, rate, energy and (where there is one)
// score at once.
std::vector<size_t> paretoFront(const std::vector<SweepResult> &results);

} // namespace edgecc::driver
