// The compression that a compile was asked for: data, judge, budget.
#pragma once

#include "driver/Console.h"
#include "driver/Options.h"
#include "driver/compress/Score.h"
#include "passes/PassManager.h"
#include "passes/compress/Compression.h"

#include <optional>

namespace edgecc::driver {

struct Compressed {
  std::unique_ptr<Module> module; // still exportable
  Compression state;              // with the original, notes and precisions; its data and metric
                                  // are those that the caller of compressModel() keeps
  std::vector<PassReport> reports;
  CompressionRecipe recipe;   // what was done in the end
  std::optional<Score> score; // where a metric is defined and there are samples to judge by
};

// Everything that a compression of one model reads; must outlive what is made with it.
struct CompressionInputs {
  std::unique_ptr<DataSource> samples;  // all of them
  std::unique_ptr<DataSource> learning; // what the passes see
  std::unique_ptr<DataSource> judging;  // what the result is judged by
  std::shared_ptr<pruning::CurveCache> pruningCurves;
  std::unique_ptr<Metric> ownMetric; // that the options name
  // Of the learning and of the judging samples; null where no metric is defined.
  std::unique_ptr<Metric> learningMetric, judgingMetric;
  std::vector<std::string> warnings; // sentences about the samples
};

// Opens the samples and the metric that the options name, for this function. With a limit on the
// loss (or a report), samples with even numbers are learned from and those with odd ones judge;
// else all are learned from.
Expected<CompressionInputs> openInputs(const CompressOptions &options, const Function &function);

// Runs the portable pipeline on the module. Where the loss exceeds --max-loss, prunes less, and
// fails if that does not help.
Expected<Compressed> compressModel(std::unique_ptr<Module> module, const CompressOptions &options,
                                   const CompressionInputs &inputs, const Registry &registry,
                                   const PassManagerOptions &passOptions, Progress &progress);

} // namespace edgecc::driver
