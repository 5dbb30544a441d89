#include "driver/compress/Metrics.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::driver {

namespace {

// Index of the largest element, the first of equal ones; -1 if there is a NaN.
int64_t largest(const Tensor &scores) {
  int64_t best = 0;
  for (int64_t i = 0; i < scores.elements(); ++i) {
    double score = scores.asDouble(i);
    if (std::isnan(score))
      return -1;
    if (score > scores.asDouble(best))
      best = i;
  }
  return best;
}

class Agreement : public Metric {
public:
  std::string name() const override { return "top-1 agreement"; }
  double score(size_t, std::span<const Tensor> reference,
               std::span<const Tensor> outputs) const override {
    int64_t found = largest(outputs[0]);
    return found >= 0 && found == largest(reference[0]) ? 100 : 0;
  }
};

class TopClasses : public Metric {
public:
  TopClasses(std::vector<int> labels, int count) : labels_(std::move(labels)), count_(count) {}

  std::string name() const override { return fmt::format("top-{}", count_); }
  double score(size_t sample, std::span<const Tensor>,
               std::span<const Tensor> outputs) const override {
    const Tensor &scores = outputs[0];
    int64_t label = labels_[sample];
    double right = scores.asDouble(label);
    int64_t before = 0; // classes that rank above the label
    for (int64_t i = 0; i < scores.elements(); ++i) {
      double score = scores.asDouble(i);
      if (std::isnan(score))
        return 0;
      before += score > right || (score == right && i < label);
    }
    return before < count_ ? 100 : 0;
  }

private:
  std::vector<int> labels_;
  int count_;
};

// Beyond this the noise is that of the arithmetic.
constexpr double kMaxDecibels = 100;

double decibels(double signal, double noise) {
  if (!(noise >= 0)) // NaN
    return -kMaxDecibels;
  if (noise == 0)
    return kMaxDecibels;
  return std::clamp(10 * std::log10(signal / noise), -kMaxDecibels, kMaxDecibels);
}

class SignalToNoise : public Metric {
public:
  std::string name() const override { return "SQNR"; }
  double score(size_t, std::span<const Tensor> reference,
               std::span<const Tensor> outputs) const override {
    double signal = 0, noise = 0;
    for (size_t o = 0; o < outputs.size(); ++o) {
      if (outputs[o].dims() != reference[o].dims())
        return 0; // extents that depend on data: nothing to compare
      for (int64_t i = 0; i < outputs[o].elements(); ++i) {
        double wanted = reference[o].asDouble(i);
        signal += wanted * wanted;
        noise += std::pow(outputs[o].asDouble(i) - wanted, 2);
      }
    }
    return signal > 0 ? decibels(signal, noise) : noise == 0 ? kMaxDecibels : 0;
  }
};

class PeakSignalToNoise : public Metric {
public:
  explicit PeakSignalToNoise(std::vector<Tensor> targets) : targets_(std::move(targets)) {
    for (const Tensor &target : targets_)
      for (int64_t i = 0; i < target.elements(); ++i)
        peak_ = std::max(peak_, std::abs(target.asDouble(i)));
  }

  std::string name() const override { return "PSNR"; }
  double score(size_t sample, std::span<const Tensor>,
               std::span<const Tensor> outputs) const override {
    const Tensor &wanted = targets_[sample];
    if (outputs[0].dims() != wanted.dims())
      return 0; // extents that depend on data: nothing to compare
    double noise = 0;
    for (int64_t i = 0; i < wanted.elements(); ++i)
      noise += std::pow(outputs[0].asDouble(i) - wanted.asDouble(i), 2);
    return decibels(peak_ * peak_, noise / static_cast<double>(wanted.elements()));
  }

private:
  std::vector<Tensor> targets_;
  double peak_ = 0;
};

// Why the largest output names no class: a sentence; empty if the model is a classifier.
std::string whyNoClassifier(const Function &function) {
  if (function.body.yields().size() != 1)
    return fmt::format("the model has {} outputs", function.body.yields().size());
  const Type &type = function.body.yields()[0]->type;
  if (!isFloat(type.dtype))
    return "the output " + type.str() + " holds no scores";
  int64_t classes = type.elements();
  bool isRow = std::count_if(type.dims.begin(), type.dims.end(),
                             [](int64_t extent) { return extent != 1; }) == 1;
  return isRow && classes >= 2 && type.isStatic()
             ? ""
             : "the output " + type.str() + " is not one row of scores";
}

Expected<void> checkLabels(const Function &function, const std::string &metric,
                           const std::vector<int> &labels) {
  if (labels.empty())
    return error("the metric " + metric + " needs the class of each sample", "--metric",
                 "give --labels FILE");
  int64_t classes = function.body.yields()[0]->type.elements();
  for (int label : labels)
    if (label < 0 || label >= classes)
      return error(fmt::format("class {} is not among the model's {}", label, classes), "--labels",
                   "classes count from 0 in the order of the output");
  return {};
}

Expected<void> checkTargets(const Function &function, const std::vector<Tensor> &targets) {
  if (targets.empty())
    return error("the metric psnr needs the wanted output of each sample", "--metric",
                 "give --labels DIR with a .npy or .pb file for each");
  double peak = 0;
  for (size_t i = 0; i < targets.size(); ++i) {
    if (targets[i].dims() != function.body.yields()[0]->dims())
      return error(fmt::format("a target is {}, the output {}", targets[i].type().str(),
                               function.body.yields()[0]->type.str()),
                   "--labels");
    for (int64_t e = 0; e < targets[i].elements(); ++e) {
      double wanted = std::abs(targets[i].asDouble(e));
      if (!std::isfinite(wanted))
        return error(fmt::format("the target of sample {} has NaN or infinite elements", i),
                     "--labels");
      peak = std::max(peak, wanted);
    }
  }
  if (peak == 0)
    return error("all elements of all targets are zero, so that they have no peak", "--labels");
  return {};
}

} // namespace

const std::vector<std::string> &metricNames() {
  static const std::vector<std::string> kNames{"agreement", "top1", "top5", "sqnr", "psnr"};
  return kNames;
}

Expected<std::unique_ptr<Metric>> makeMetric(const std::string &name, const Function &function,
                                             GroundTruth truth) {
  if (name == "sqnr")
    return std::make_unique<SignalToNoise>();
  if (name == "psnr") {
    EDGECC_CHECK(checkTargets(function, truth.targets));
    return std::make_unique<PeakSignalToNoise>(std::move(truth.targets));
  }
  if (!name.empty() && name != "agreement" && name != "top1" && name != "top5")
    return error("there is no metric '" + name + "'", "--metric",
                 fmt::format("the metrics are {}", fmt::join(metricNames(), ", ")));
  if (std::string why = whyNoClassifier(function); !why.empty())
    return error("top-1 agreement with the float model is not defined: " + why,
                 name.empty() ? "--max-loss" : "--metric",
                 "name a metric that is: --metric sqnr, or psnr with --labels");
  if (name == "top1" || name == "top5") {
    EDGECC_CHECK(checkLabels(function, name, truth.labels));
    return std::make_unique<TopClasses>(std::move(truth.labels), name == "top1" ? 1 : 5);
  }
  return std::make_unique<Agreement>();
}

} // namespace edgecc::driver
