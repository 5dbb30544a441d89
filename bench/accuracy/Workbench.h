// What all scenarios need: models compiled with options, run on scored samples, timed.
#pragma once

#include "bench/accuracy/data/Samples.h"
#include "bench/accuracy/data/Tasks.h"
#include "driver/CompileModel.h"
#include "driver/RuntimeModel.h"
#include "passes/compress/pruning/CurveCache.h"

#include <map>

namespace edgecc::bench {

struct Settings {
  std::filesystem::path shared;
  std::vector<std::string> models; // empty: all of the scenario
  std::string cpu;
  unsigned threads = 1;   // of the runs
  size_t limit = 0;       // samples of each task; 0: all
  size_t calibrate = 256; // of the even ones at most; 0: all
  size_t rounds = 15;     // of timing
  // Of the MACs, to prune.
  std::vector<int> percents{10, 20, 30, 40, 50, 60, 70};
  CompressionRecipe base; // what scenarios begin with
};

// All outputs of each scored sample.
using Outputs = std::vector<std::vector<Tensor>>;

struct Compiled {
  driver::RuntimeModel model;
  driver::CompileSummary summary;
};

// The float model's parameters, in bytes, over the weights of the compressed one as its file holds
// them. (Float kernels may hold transformed weights, which are larger.)
double timesSmaller(const Compiled &floating, const Compiled &compressed);

// A task with its samples.
struct Prepared {
  const Task *task = nullptr;
  Compiled floating; // the model as it is
  Split split;
  Outputs reference; // of the float model on the scored samples
  // Of pruning, for all compiles.
  std::shared_ptr<pruning::CurveCache> curves = std::make_shared<pruning::CurveCache>();
};

class Workbench {
public:
  explicit Workbench(Settings settings) : settings_(std::move(settings)) {}
  const Settings &settings() const { return settings_; }

  bool isWanted(const std::string &model) const;
  std::filesystem::path modelFile(const std::string &model) const;

  // What the compile command would be given for this model; shapes as in its test data.
  driver::CompileOptions options(const std::string &model) const;
  // Compiles to a temporary blob and loads it. `calibration` may be null.
  Expected<Compiled> compile(driver::CompileOptions options, DataSource *calibration) const;
  // The blob itself.
  Expected<std::string> compileToBytes(driver::CompileOptions options,
                                       DataSource *calibration) const;
  // Compiles with a recipe, on the task's even samples.
  Expected<Compiled> compress(const Prepared &prepared, const CompressionRecipe &recipe) const;

  Expected<Prepared> prepare(const Task &task) const;
  Expected<Outputs> run(Compiled &compiled, const Split::Scored &scored) const;

  // Least times of one run in nanoseconds: what others on the machine take only adds to them. The
  // models take turns, so that a change of the machine's speed meets all of them alike.
  Expected<std::vector<double>> time(std::span<Compiled *const> models,
                                     const std::vector<Tensor> &inputs) const;

private:
  Settings settings_;
};

} // namespace edgecc::bench
