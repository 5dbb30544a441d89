// What was measured before, so that later compiles need not measure and give the same bytes.
#pragma once

#include "backends/native/Algorithm.h"
#include "ir/Diagnostic.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>

namespace edgecc::driver {

// One layer on one CPU.
struct TunedLayer {
  native::ConvAlgorithm choice = native::ConvAlgorithm::Auto;
  std::map<native::ConvAlgorithm, double> microseconds; // medians
};

// JSON, sorted, so that it suits version control: features of a CPU, then layers as Tune.cpp
// describes them. One file serves any number of models and CPUs.
class TuningFile {
public:
  // A file that does not exist is an empty one.
  static Expected<TuningFile> read(const std::filesystem::path &path);
  Expected<void> write(const std::filesystem::path &path) const;

  const TunedLayer *find(const std::string &cpu, const std::string &layer) const;
  void add(const std::string &cpu, const std::string &layer, TunedLayer tuned);

private:
  std::map<std::string, std::map<std::string, TunedLayer>> cpus_;
};

// "direct", "winograd2"...
std::string nameOf(native::ConvAlgorithm algorithm);

} // namespace edgecc::driver
