#include "driver/report/Report.h"

#include "driver/compress/SteppedSource.h"
#include "driver/report/LayerFacts.h"
#include "driver/report/LayerNoise.h"
#include "driver/report/LayerTimes.h"
#include "driver/report/Suggestions.h"
#include "passes/compress/calibration/Observer.h"
#include "passes/compress/quantization/Layer.h"

#include <algorithm>
#include <cmath>

namespace edgecc::driver {

namespace {

constexpr size_t kNoiseSamples = 32, kWorst = 9;

// Observers take finite numbers.
bool isFinite(const Tensor &tensor) {
  for (int64_t i = 0; i < tensor.elements(); ++i)
    if (!std::isfinite(tensor.asDouble(i)))
      return false;
  return true;
}

Tensor asF32(const Tensor &tensor) {
  if (tensor.dtype() == DType::F32)
    return tensor;
  Tensor out(DType::F32, tensor.dims());
  for (int64_t i = 0; i < tensor.elements(); ++i)
    out.setDouble(i, tensor.asDouble(i));
  return out;
}

double spreadOf(const Tensor &weights, int axis) {
  Observation channels = observe(weights, axis, {.perChannel = true});
  std::vector<double> widths;
  for (Range seen : channels.seen)
    widths.push_back(std::max(-seen.low, seen.high));
  std::ranges::sort(widths);
  double median = widths.empty() ? 0 : widths[widths.size() / 2];
  return median > 0 ? widths.back() / median : 1;
}

double zeroShare(const Tensor &weights) {
  int64_t zeros = 0;
  for (int64_t i = 0; i < weights.elements(); ++i)
    zeros += weights.asDouble(i) == 0;
  return static_cast<double>(zeros) / static_cast<double>(std::max<int64_t>(1, weights.elements()));
}

std::optional<ReportedWeights> weightsOf(const LayerFacts &before, const LayerFacts *after) {
  if (!before.weights || before.weights->elements() == 0)
    return std::nullopt;
  ReportedWeights out;
  out.dims = before.weights->dims();
  out.before = out.after = before.weights->dtype();
  if (isFinite(*before.weights)) {
    Tensor values = asF32(*before.weights);
    out.values = observe(values, -1, {.histograms = true, .bins = 256});
    auto layout = weightLayout(before.op());
    // Weights behind movement have their axes elsewhere.
    if (layout && before.op().operand(1)->dims() == values.dims())
      out.channelSpread = spreadOf(values, static_cast<int>(layout->axis));
  }
  if (after && after->weights) {
    out.after = after->weights->dtype();
    out.elementsAfter = after->weights->elements();
    out.zeros = zeroShare(*after->weights);
  }
  return out;
}

// Share of the values in bins that lie wholly beyond `covered`.
double shareOutside(const Histogram &histogram, Range covered) {
  uint64_t outside = 0, all = 0;
  for (size_t i = 0; i < histogram.counts.size(); ++i) {
    double low = histogram.range.low + static_cast<double>(i) * histogram.width();
    bool isOutside = low >= covered.high || low + histogram.width() <= covered.low;
    outside += isOutside ? histogram.counts[i] : 0;
    all += histogram.counts[i];
  }
  return all ? static_cast<double>(outside) / static_cast<double>(all) : 0;
}

// The integers of a unit of value, (q - zero point) * scale.
Range coveredBy(const ValueScale &scale) {
  bool isSigned = scale.dtype != DType::U8 && scale.dtype != DType::U16;
  double count = std::pow(2.0, bitWidth(scale.dtype));
  double low = isSigned ? -count / 2 : 0;
  auto real = [&](double q) { return (q - scale.zeroPoint) * scale.scale; };
  return {real(low), real(low + count - 1)};
}

class Collector {
public:
  Collector(Report &report, const ReportSubject &subject)
      : report_(report), subject_(subject),
        original_(subject.original ? subject.original->main() : subject.result->main()),
        before_(factsOf(original_)), after_(factsOf(subject.result->main())) {}

  Expected<void> run(const std::function<void(size_t, size_t)> &progress) {
    report_.isCompressed = subject_.original != nullptr;
    total(report_.before, before_);
    total(report_.after, after_);
    describeLayers();
    pairOutputs();
    EDGECC_CHECK(measureTimes());
    if (subject_.original && subject_.data && subject_.data->size() > 0)
      EDGECC_CHECK(measure(progress));
    distributeNotes();
    for (ReportedLayer &layer : report_.layers)
      layer.suggestion = suggestionFor(layer, {subject_.perTensorWeights, subject_.cutsRanges});
    rank();
    return {};
  }

private:
  static void total(ReportedTotals &totals, const ModelFacts &facts) {
    totals.macs = facts.macs;
    totals.parameters = facts.parameters;
    totals.parameterBytes = facts.parameterBytes;
  }

  void describeLayers() {
    for (const std::string &name : before_.order) {
      const LayerFacts &facts = *before_.find(name);
      const LayerFacts *after = after_.find(name);
      ReportedLayer &layer = report_.layers.emplace_back();
      byName_[name] = report_.layers.size() - 1;
      layer.name = name;
      layer.op = facts.op().name();
      const Value &result = *facts.ops.back()->result();
      layer.tensor = result.provenance.tensor;
      layer.dims = result.dims();
      layer.isRemoved = !after;
      layer.activationsBefore = facts.activations;
      layer.activationsAfter = after ? after->activations : facts.activations;
      layer.macsBefore = facts.macs;
      layer.bytesBefore = facts.parameterBytes;
      layer.macsAfter = after ? after->macs : 0;
      layer.bytesAfter = after ? after->parameterBytes : 0;
      layer.weights = weightsOf(facts, after);
      for (const Op *op : facts.ops)
        byOp_[op] = report_.layers.size() - 1;
    }
  }

  // What is known without data of the tensors that both versions have.
  void pairOutputs() {
    if (!subject_.original)
      return;
    for (const Correspondence &pair : correspond(subject_.result->main(), original_))
      if (ReportedLayer *layer = layerOf(pair)) {
        bool scaled = std::ranges::any_of(
            pair.channels, [](const Correspondence::Channel &c) { return c.scaleA != c.scaleB; });
        if (!pair.channels.empty())
          layer->channels = {pair.axis, pair.b->dims()[static_cast<size_t>(pair.axis)],
                             static_cast<int64_t>(pair.channels.size()), scaled};
        if (auto scale = scaleOfValue(pair.a)) {
          layer->activation.quantized = scale->dtype;
          if (!scaled)
            layer->activation.covered = coveredBy(*scale);
        }
      }
  }

  // The layer whose output the pair is; null for inputs and for tensors inside a layer.
  ReportedLayer *layerOf(const Correspondence &pair) {
    auto found = byOp_.find(pair.b->definingOp());
    if (found == byOp_.end() || report_.layers[found->second].tensor != pair.tensor)
      return nullptr;
    return &report_.layers[found->second];
  }

  Expected<void> measure(const std::function<void(size_t, size_t)> &progress) {
    size_t step = (subject_.data->size() + kNoiseSamples - 1) / kNoiseSamples;
    SteppedSource samples(*subject_.data, 0, step);
    EDGECC_TRY(noise, measureNoise(*subject_.original, *subject_.result, *subject_.executor,
                                   samples, progress));
    report_.noiseSamples = samples.size();
    std::vector<std::string> outputs;
    for (const Value *yielded : original_.body.yields())
      outputs.push_back(yielded->provenance.tensor);
    for (const LayerNoise &measured : noise) {
      if (std::ranges::find(outputs, measured.pair.tensor) != outputs.end())
        report_.outputs.push_back({measured.pair.tensor, measured.accumulated});
      ReportedLayer *layer = layerOf(measured.pair);
      if (!layer)
        continue;
      layer->noise = ReportedNoise{measured.accumulated, std::nullopt, ""};
      if (measured.hasAlone)
        layer->noise->alone = measured.alone;
      ReportedActivation &activation = layer->activation;
      activation.values = measured.values.observation();
      if (activation.covered && !activation.values.histograms.empty())
        activation.outside = shareOutside(activation.values.histograms[0], *activation.covered);
    }
    inherit();
    return {};
  }

  // Which layer in front of each adds the most noise, where that is more than it adds itself.
  void inherit() {
    std::map<const Op *, size_t> noisiest; // in front of an op, it included
    constexpr size_t kNone = SIZE_MAX;
    auto ownNoise = [&](size_t layer) {
      const auto &noise = report_.layers[layer].noise;
      return noise && noise->alone ? noise->alone->sqnr() : INFINITY;
    };
    for (const auto &op : original_.body.ops()) {
      size_t worst = kNone;
      for (const Value *operand : op->operands()) {
        auto found = noisiest.find(operand ? operand->definingOp() : nullptr);
        if (found != noisiest.end() && found->second != kNone &&
            (worst == kNone || ownNoise(found->second) < ownNoise(worst)))
          worst = found->second;
      }
      auto own = byOp_.find(op.get());
      if (own != byOp_.end()) {
        auto &noise = report_.layers[own->second].noise;
        if (worst != kNone && worst != own->second && noise &&
            ownNoise(worst) < ownNoise(own->second))
          noise->inheritedFrom = report_.layers[worst].name;
        if (worst == kNone || ownNoise(own->second) < ownNoise(worst))
          worst = own->second;
      }
      noisiest[op.get()] = worst;
    }
  }

  // On one sample, or on noise where there is none. What cannot be timed is said, not an error.
  Expected<void> measureTimes() {
    std::string why = subject_.untimed;
    if (why.empty() && (!subject_.data || subject_.data->size() == 0))
      why = "there is no sample to run";
    if (why.empty()) {
      EDGECC_TRY(inputs, subject_.data->sample(0));
      auto timed = timeVersions(subject_.original, *subject_.result, inputs, subject_.cpu);
      if (timed)
        takeTimes(*timed);
      else
        why = timed.error().front().str();
    }
    if (!why.empty())
      report_.warnings.push_back("No times were measured: " + why + ".");
    return {};
  }

  void takeTimes(const TimedVersions &timed) {
    auto take = [](ReportedTotals &totals, const LayerTimes &times) {
      totals.ns = times.total;
      totals.fileBytes = times.fileBytes;
      totals.arenaBytes = times.arenaBytes;
    };
    take(report_.after, timed.after);
    if (timed.before)
      take(report_.before, *timed.before);
    for (ReportedLayer &layer : report_.layers) {
      layer.nsAfter = timed.after.of(layer.name);
      if (timed.before)
        layer.nsBefore = timed.before->of(layer.name);
    }
  }

  void distributeNotes() {
    if (!subject_.notes)
      return;
    for (const Note &note : *subject_.notes)
      if (auto found = byName_.find(note.layer); found != byName_.end())
        report_.layers[found->second].notes.push_back(note);
      else
        report_.notes.push_back(note);
  }

  void rank() {
    for (size_t i = 0; i < report_.layers.size(); ++i)
      if (const auto &noise = report_.layers[i].noise; noise && noise->alone)
        if (noise->alone->sqnr() != INFINITY)
          report_.worst.push_back(i);
    auto own = [&](size_t i) {
      double sqnr = report_.layers[i].noise->alone->sqnr();
      return std::isnan(sqnr) ? -INFINITY : sqnr; // first
    };
    std::ranges::stable_sort(report_.worst, {}, own);
    if (report_.worst.size() > kWorst)
      report_.worst.resize(kWorst);
  }

  Report &report_;
  const ReportSubject &subject_;
  const Function &original_;
  ModelFacts before_, after_;
  std::map<std::string, size_t> byName_;
  std::map<const Op *, size_t> byOp_;
};

} // namespace

Expected<void> collectReport(Report &report, const ReportSubject &subject,
                             const std::function<void(size_t done, size_t total)> &progress) {
  return Collector(report, subject).run(progress);
}

} // namespace edgecc::driver
