#include "driver/report/Suggestions.h"

#include <cmath>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

// Every bit halves the step and thus the amplitude of the error: 20 log10(2) dB.
constexpr double kDecibelsPerBit = 6.02;
// Beyond these the shape of a distribution is the likely reason.
constexpr double kManyTimes = 3, kMuchSpread = 8;
constexpr double kMuchOutside = 0.01;
// What 8-bit data with a plain distribution have.
constexpr double kUsual = 30, kUnusual = 22;
// Noise below this matters in few models.
constexpr double kLittleNoise = 45;

bool isNarrow(const ReportedLayer &layer) {
  return (layer.weights && bitWidth(layer.weights->after) < bitWidth(layer.weights->before)) ||
         layer.activation.quantized || layer.activationsAfter != layer.activationsBefore;
}

double width(Range range) { return range.high - range.low; }

std::string onActivation(const ReportedLayer &layer, const SuggestionSettings &settings) {
  const ReportedActivation &activation = layer.activation;
  if (!activation.quantized || bitWidth(*activation.quantized) > 8 ||
      activation.values.seen.empty())
    return "";
  double ratio = outlierRatio(activation.values);
  if (activation.outside > kMuchOutside)
    return fmt::format("at least {:.1f} % of its values lie beyond the range that its integers "
                       "cover: more typical samples, or --ranges minmax",
                       100 * activation.outside);
  if (ratio > kManyTimes && !settings.cutsRanges)
    return fmt::format("999 of 1000 values lie within {:.2g} of its range: --ranges mse or "
                       "percentile spends the integers on those",
                       1 / ratio);
  if (ratio > kManyTimes)
    return fmt::format("a few values are {:.0f} times as large as the rest: 16 bits for this "
                       "layer (--quantize auto with --max-loss, or int16)",
                       ratio);
  return "";
}

std::string onWeights(const ReportedLayer &layer, const SuggestionSettings &settings) {
  if (!layer.weights || bitWidth(layer.weights->after) >= bitWidth(layer.weights->before))
    return "";
  unsigned bits = bitWidth(layer.weights->after);
  if (bits <= 4)
    return fmt::format("{}-bit weights: 8 bits would take away up to {:.0f} dB of their noise "
                       "(--quantize int8, or auto with --max-loss)",
                       bits, (8 - bits) * kDecibelsPerBit);
  if (settings.perTensorWeights && layer.weights->channelSpread > kMuchSpread)
    return fmt::format("its largest channel has {:.0f} times the range of the middle one, and all "
                       "share one scale: leave out --per-tensor, or let channels be equalised",
                       layer.weights->channelSpread);
  return "";
}

std::string onPruning(const ReportedLayer &layer) {
  if (!layer.channels || layer.channels->after == layer.channels->before)
    return layer.weights && layer.weights->elementsAfter < numElements(layer.weights->dims)
               ? "some of the channels that it read were pruned: prune less, or give more samples"
               : "";
  return fmt::format("it keeps {} of {} channels, and those that are left were fitted to stand in "
                     "for the others: prune less, or give more samples",
                     layer.channels->after, layer.channels->before);
}

} // namespace

double outlierRatio(const Observation &values) {
  constexpr double kShare = 99.9;
  if (values.histograms.empty() || values.seen.empty() || width(values.seen[0]) == 0)
    return 1;
  // Of either side of zero alone: the sides of most values differ.
  Range most = values.range(RangeMethod::Percentile, 8, false, 0, kShare);
  return width(most) > 0 ? width(values.seen[0]) / width(most) : 1;
}

std::string suggestionFor(const ReportedLayer &layer, const SuggestionSettings &settings) {
  if (!layer.noise)
    return "";
  const ReportedNoise &noise = *layer.noise;
  const Difference &own = noise.alone ? *noise.alone : noise.accumulated;
  if (std::isnan(own.sqnr()))
    return "some of its values are not finite: keep it in floating point, or look at its inputs";
  if (own.sqnr() >= kLittleNoise)
    return "";
  // Quantisation to 8 bits rarely costs as much as channels that are missed.
  bool isPruned = own.sqnr() < kUsual && !onPruning(layer).empty();
  for (const std::string &sentence : {isPruned ? onPruning(layer) : "", onWeights(layer, settings),
                                      onActivation(layer, settings), onPruning(layer)})
    if (!sentence.empty())
      return sentence;
  if (!isNarrow(layer))
    return noise.inheritedFrom.empty() ? "" : "its noise comes from " + noise.inheritedFrom;
  if (own.sqnr() < kUnusual)
    return "8 bits rarely cost this much: its weights and bias were probably fitted to make up for "
           "the noise in front of it; if not, 16 bits (--quantize auto with --max-loss)";
  return fmt::format("{}16 bits for this layer (--quantize auto with --max-loss, or int16) would "
                     "take most of it away",
                     own.sqnr() >= kUsual ? "this is what 8 bits usually give; " : "");
}

} // namespace edgecc::driver
