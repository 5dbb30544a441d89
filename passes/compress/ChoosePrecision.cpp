// Chooses the width that each layer computes in: measures how much noise each layer alone adds to
// the outputs at each width, orders the steps from wide to narrow by noise for what they save, and
// takes as many of them as a budget of loss, size or time asks for or allows.
#include "passes/compress/Passes.h"
#include "passes/compress/precision/Candidates.h"
#include "passes/compress/precision/Judge.h"
#include "passes/compress/precision/Sensitivity.h"
#include "passes/compress/quantization/Points.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc {

namespace {

constexpr double kDefaultLoss = 0.5;  // points
constexpr double kDefaultSqnr = 25.0; // dB

struct Budget {
  double maxLoss = -1; // points of the metric; negative: none
  double minSqnr = 0;  // dB; 0: none
  double size = 1;     // fractions of the float layers'; 1: none
  double time = 1;

  bool limitsQuality() const { return maxLoss >= 0 || minSqnr > 0; }
  bool limitsCost() const { return size < 1 || time < 1; }
  bool allows(const Quality &quality) const {
    return (maxLoss < 0 || quality.loss <= maxLoss) && (minSqnr <= 0 || quality.sqnr >= minSqnr);
  }
  std::string str(const Metric *metric) const {
    std::string out;
    if (maxLoss >= 0)
      out = fmt::format("a loss of at most {} points of {}", maxLoss, metric->name());
    if (minSqnr > 0)
      out += fmt::format("{}{} dB", out.empty() ? "" : " and ", minSqnr);
    return out;
  }
};

Expected<Budget> budgetOf(const PassContext &context) {
  Budget budget{context.options.real("max-loss"), context.options.real("min-sqnr"),
                context.options.real("size"), context.options.real("time")};
  if (!(budget.size > 0 && budget.size <= 1 && budget.time > 0 && budget.time <= 1))
    return error("size and time are fractions above 0 and at most 1", "choose-precision");
  if (budget.time < 1 && !context.target)
    return error("a budget of time needs a target", "choose-precision{time}");
  const Metric *metric = context.compression->metric;
  if (budget.maxLoss >= 0 && !metric)
    return error("there is no metric to lose points of", "choose-precision{max-loss}",
                 "give --metric, or a budget of noise with min-sqnr");
  if (!budget.limitsQuality() && !budget.limitsCost())
    (metric ? budget.maxLoss : budget.minSqnr) = metric ? kDefaultLoss : kDefaultSqnr;
  return budget;
}

class Chooser {
public:
  Chooser(Module &module, PassContext &context, const Budget &budget,
          std::vector<Candidate> candidates)
      : module_(module), context_(context), compression_(*context.compression), budget_(budget),
        candidates_(std::move(candidates)) {}

  Expected<void> run() {
    findLayers();
    if (layers_.empty())
      return {};
    EDGECC_CHECK(measure());
    order_ = orderDemotions(choices_);
    EDGECC_TRY(judge, Judge::make(module_, compression_, *context_.executor,
                                  static_cast<size_t>(context_.options.integer("samples"))));
    EDGECC_TRY(steps, chooseSteps(judge));
    report(steps);
    return {};
  }

private:
  // Layers that the user has decided on keep their precision.
  void findLayers() {
    std::set<std::string> names;
    for (const auto &op : module_.main().body.ops()) {
      if (quantizationRole(*op) != QuantizationRole::Contraction)
        continue;
      std::string name = nameOfLayer(*op);
      if (compression_.precisions.contains(name) || !names.insert(name).second)
        continue;
      layers_.push_back(op.get());
      choices_.push_back(
          {{}, timeOf(*op, candidates_, context_.target), bytesOf(*op, candidates_)});
    }
    fixed_ = compression_.precisions;
  }

  Expected<void> measure() {
    auto samples = static_cast<size_t>(context_.options.integer("sensitivity-samples"));
    size_t runs = std::min(std::max<size_t>(samples, 1), compression_.data->size()) *
                  layers_.size() * candidates_.size();
    size_t done = 0;
    auto tick = [&] {
      if (context_.progress)
        context_.progress(++done, runs);
    };
    for (const Candidate &candidate : candidates_) {
      EDGECC_TRY(noise,
                 measureSensitivity(module_, layers_, candidate.precision, compression_.calibration,
                                    *compression_.data, samples, *context_.executor, tick));
      for (size_t l = 0; l < layers_.size(); ++l)
        choices_[l].noise.push_back(noise[l]);
    }
    return {};
  }

  // Each layer's candidate after the first `steps` demotions.
  std::vector<size_t> after(size_t steps) const {
    std::vector<size_t> chosen(layers_.size(), 0);
    for (size_t i = 0; i < steps; ++i)
      chosen[order_[i].layer] = order_[i].to;
    return chosen;
  }

  PrecisionTable tableOf(const std::vector<size_t> &chosen) const {
    PrecisionTable table = fixed_;
    for (size_t l = 0; l < layers_.size(); ++l)
      table[nameOfLayer(*layers_[l])] = candidates_[chosen[l]].precision;
    return table;
  }

  struct Share {
    double size = 0, time = 0;
  };
  // Of the layers in floating point.
  Share shareOf(const std::vector<size_t> &chosen) const {
    double bytes = 0, allBytes = 0, time = 0, allTime = 0;
    for (size_t l = 0; l < layers_.size(); ++l) {
      const Op &layer = *layers_[l];
      const Tensor *weights = constantOf(layer.operand(1));
      allBytes += weights ? static_cast<double>(weights->bytes()) : 0;
      allTime += context_.target ? context_.target->costAs(layer, DType::F32, DType::F32) : 0;
      bytes += choices_[l].bytes[chosen[l]];
      time += choices_[l].time[chosen[l]];
    }
    return {allBytes > 0 ? bytes / allBytes : 0, allTime > 0 ? time / allTime : 0};
  }

  Expected<Quality> judged(Judge &judge, size_t steps) {
    EDGECC_TRY(quality, judge.judge(tableOf(after(steps))));
    context_.statistics.add("models judged");
    quality_ = quality;
    return quality;
  }

  Expected<size_t> chooseSteps(Judge &judge) {
    if (budget_.limitsCost()) {
      EDGECC_TRY(steps, fewestSteps());
      EDGECC_TRY(quality, judged(judge, steps));
      if (!budget_.allows(quality))
        return error(fmt::format("no choice of widths meets both budgets: at size {} and time {} "
                                 "the loss is {:.2f} points, the SQNR {:.1f} dB",
                                 budget_.size, budget_.time, quality.loss, quality.sqnr),
                     "choose-precision", "relax one of the budgets");
      return steps;
    }
    return mostSteps(judge);
  }

  // That meet the budgets of size and time.
  Expected<size_t> fewestSteps() const {
    for (size_t steps = 0; steps <= order_.size(); ++steps) {
      Share share = shareOf(after(steps));
      if ((budget_.size == 1 || share.size <= budget_.size) &&
          (budget_.time == 1 || share.time <= budget_.time))
        return steps;
    }
    Share least = shareOf(after(order_.size()));
    return error(fmt::format("with the narrowest widths the size is {:.3f} and the time {:.3f} of "
                             "the float layers'",
                             least.size, least.time),
                 "choose-precision", "allow narrower candidates or a larger budget");
  }

  // That keep the budget of quality: a binary search, as if every step made the model worse. What
  // is returned was measured to be good enough.
  Expected<size_t> mostSteps(Judge &judge) {
    EDGECC_TRY(narrowest, judged(judge, order_.size()));
    if (budget_.allows(narrowest))
      return order_.size();
    EDGECC_TRY(widest, judged(judge, 0));
    if (!budget_.allows(widest))
      return error(fmt::format("even with the widest candidates the loss is {:.2f} points and the "
                               "SQNR {:.1f} dB; wanted is {}",
                               widest.loss, widest.sqnr, budget_.str(compression_.metric)),
                   "choose-precision", "allow wider candidates or a larger loss");
    size_t good = 0, bad = order_.size();
    Quality best = widest;
    while (bad - good > 1) {
      size_t middle = good + (bad - good) / 2;
      EDGECC_TRY(quality, judged(judge, middle));
      if (budget_.allows(quality)) {
        good = middle;
        best = quality;
      } else {
        bad = middle;
      }
    }
    quality_ = best;
    return good;
  }

  void report(size_t steps) {
    std::vector<size_t> chosen = after(steps);
    compression_.precisions = tableOf(chosen);
    for (size_t l = 0; l < layers_.size(); ++l) {
      const Candidate &candidate = candidates_[chosen[l]];
      context_.statistics.add("layers " + (candidate.name == "float"
                                               ? std::string("in floating point")
                                               : "in " + candidate.name + " bits"));
      std::string what =
          candidate.name == "float"
              ? "stays in floating point"
              : fmt::format("gets {} weights and {} activations", name(candidate.precision.weights),
                            name(candidate.precision.activations));
      std::string noises;
      for (size_t c = 0; c < candidates_.size(); ++c)
        if (choices_[l].noise[c] > 0)
          noises += fmt::format("{}{:.1f} dB at {}", noises.empty() ? "" : ", ",
                                10 * std::log10(choices_[l].noise[c]), candidates_[c].name);
      compression_.notes.push_back(
          {"choose-precision", nameOfLayer(*layers_[l]),
           what + (noises.empty() ? "" : "; noise it adds to the outputs: " + noises)});
    }
    Share share = shareOf(chosen);
    std::string loss = compression_.metric ? fmt::format("{:.2f} points of {} lost, ",
                                                         quality_.loss, compression_.metric->name())
                                           : "";
    compression_.notes.push_back(
        {"choose-precision", module_.name,
         fmt::format("on the calibration samples: {}SQNR {:.1f} dB; weights {:.3f} and estimated "
                     "time {:.3f} of the float layers'",
                     loss, quality_.sqnr, share.size, share.time)});
  }

  Module &module_;
  PassContext &context_;
  Compression &compression_;
  const Budget &budget_;
  std::vector<Candidate> candidates_; // widest first
  std::vector<const Op *> layers_;
  std::vector<LayerChoices> choices_; // of layers_
  PrecisionTable fixed_;
  std::vector<Demotion> order_;
  Quality quality_; // of what was judged last, in the end of what is chosen
};

} // namespace

Expected<void> choosePrecision(Module &module, PassContext &context) {
  if (!context.compression || !context.compression->data || context.compression->data->size() == 0)
    return error("choosing precisions needs samples", "choose-precision",
                 "give a folder of samples with --calibrate");
  if (!context.executor)
    return error("choosing precisions needs an executor", "choose-precision");
  if (context.options.integer("samples") < 0 || context.options.integer("sensitivity-samples") < 1)
    return error("the number of samples is not positive", "choose-precision");
  EDGECC_CHECK(checkFiniteWeights(module.main(), "choose-precision"));
  EDGECC_TRY(candidates, parseCandidates(context.options.text("candidates")));
  EDGECC_TRY(budget, budgetOf(context));
  return Chooser(module, context, budget, std::move(candidates)).run();
}

} // namespace edgecc
