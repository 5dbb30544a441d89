// What a compressed model is judged by: the metrics of --metric.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Metric.h"
#include "ir/Module.h"

#include <memory>
#include <vector>

namespace edgecc::driver {

// The names that makeMetric() knows.
const std::vector<std::string> &metricNames();

// What is compared with, for metrics that need more than the float model.
struct GroundTruth {
  std::vector<int> labels;     // class of each sample, for top1 and top5
  std::vector<Tensor> targets; // wanted first output of each sample, for psnr
};

// agreement: share of samples whose largest output is at the float model's place, in percent;
// top1, top5: share of samples whose label is the largest, or among the five largest, in percent;
// sqnr: signal-to-quantisation-noise ratio of all outputs together, in dB;
// psnr: peak signal-to-noise ratio against the targets, in dB, with the targets' peak.
// An empty name is agreement. Fails where the metric means nothing for this function.
Expected<std::unique_ptr<Metric>> makeMetric(const std::string &name, const Function &function,
                                             GroundTruth truth);

} // namespace edgecc::driver
