#include "driver/report/ReportJson.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

namespace {

using Json = nlohmann::ordered_json;

constexpr int kVersion = 1;
constexpr size_t kBins = 64;

Json number(double x) { return std::isfinite(x) ? Json(x) : Json(); }

template <class T> Json orNull(const std::optional<T> &value) {
  return value ? Json(*value) : Json();
}

Json asJson(Range range) { return Json::array({range.low, range.high}); }

Json asJson(const Difference &d) {
  return {{"sqnr_db", number(d.sqnr())},        {"equal", std::isinf(d.sqnr()) && d.sqnr() > 0},
          {"max_abs", number(d.maxAbsolute())}, {"peak", number(d.peak())},
          {"cosine", number(d.cosine())},       {"non_finite", d.nonFinite()}};
}

Json asJson(const Histogram &histogram) {
  Histogram shown = coarse(histogram, kBins);
  return {{"range", asJson(shown.range)}, {"counts", shown.counts}};
}

Json asJson(const Note &note) {
  return {{"pass", note.pass}, {"layer", note.layer}, {"text", note.text}};
}

Json asJson(const std::vector<Note> &notes) {
  Json out = Json::array();
  for (const Note &note : notes)
    out.push_back(asJson(note));
  return out;
}

// What was seen of values.
Json asJson(const Observation &o) {
  Json out;
  out["range"] = o.seen.empty() ? Json() : asJson(o.seen[0]);
  out["mean"] = o.mean.empty() ? Json() : number(o.mean[0]);
  out["deviation"] = o.deviation.empty() ? Json() : number(o.deviation[0]);
  out["histogram"] = o.histograms.empty() ? Json() : asJson(o.histograms[0]);
  return out;
}

Json asJson(const ReportedWeights &weights) {
  Json out = asJson(weights.values);
  out["shape"] = weights.dims;
  out["type_before"] = name(weights.before);
  out["type_after"] = name(weights.after);
  out["bits_before"] = bitWidth(weights.before);
  out["bits_after"] = bitWidth(weights.after);
  out["channel_spread"] = number(weights.channelSpread);
  out["zeros"] = weights.zeros;
  return out;
}

Json activation(const ReportedLayer &layer) {
  const ReportedActivation &activation = layer.activation;
  Json out = asJson(activation.values);
  out["stored_as"] = activation.quantized ? Json(name(*activation.quantized)) : Json();
  out["covered"] = activation.covered ? asJson(*activation.covered) : Json();
  out["outside"] = activation.outside;
  return out;
}

Json asJson(const ReportedChannels &channels) {
  return {{"axis", channels.axis},
          {"before", channels.before},
          {"after", channels.after},
          {"scaled", channels.scaled}};
}

Json noise(const ReportedNoise &noise) {
  return {{"accumulated", asJson(noise.accumulated)},
          {"alone", noise.alone ? asJson(*noise.alone) : Json()},
          {"inherited_from", noise.inheritedFrom.empty() ? Json() : Json(noise.inheritedFrom)}};
}

Json asJson(const ReportedLayer &layer) {
  Json out = {{"name", layer.name},
              {"op", layer.op},
              {"tensor", layer.tensor},
              {"shape", layer.dims},
              {"removed", layer.isRemoved},
              {"input_type_before", name(layer.activationsBefore)},
              {"input_type_after", name(layer.activationsAfter)},
              {"macs_before", layer.macsBefore},
              {"macs_after", layer.macsAfter},
              {"bytes_before", layer.bytesBefore},
              {"bytes_after", layer.bytesAfter},
              {"ns_before", orNull(layer.nsBefore)},
              {"ns_after", orNull(layer.nsAfter)}};
  out["weights"] = layer.weights ? asJson(*layer.weights) : Json();
  out["output"] = activation(layer);
  out["noise"] = layer.noise ? noise(*layer.noise) : Json();
  out["channels"] = layer.channels ? asJson(*layer.channels) : Json();
  out["notes"] = asJson(layer.notes);
  out["suggestion"] = layer.suggestion.empty() ? Json() : Json(layer.suggestion);
  return out;
}

Json asJson(const ReportedTotals &totals) {
  return {{"macs", totals.macs},
          {"parameters", totals.parameters},
          {"parameter_bytes", totals.parameterBytes},
          {"ns", orNull(totals.ns)},
          {"compiled_bytes", orNull(totals.fileBytes)},
          {"arena_bytes", orNull(totals.arenaBytes)}};
}

Json asJson(const Score &score) {
  return {{"metric", score.metric},
          {"original", score.original},
          {"compressed", score.compressed},
          {"loss", score.loss()},
          {"samples", score.samples}};
}

Json modelNoise(const Report &report) {
  Json outputs = Json::array();
  for (const ReportedOutput &output : report.outputs) {
    Json entry = asJson(output.difference);
    entry["tensor"] = output.tensor;
    outputs.push_back(std::move(entry));
  }
  return {{"samples", report.noiseSamples}, {"outputs", std::move(outputs)}};
}

} // namespace

Histogram coarse(const Histogram &histogram, size_t bins) {
  size_t merged = (histogram.counts.size() + bins - 1) / bins;
  if (merged <= 1)
    return histogram;
  Histogram out;
  out.counts.resize((histogram.counts.size() + merged - 1) / merged);
  for (size_t i = 0; i < histogram.counts.size(); ++i)
    out.counts[i / merged] += histogram.counts[i];
  double width = histogram.width() * static_cast<double>(merged);
  out.range = {histogram.range.low,
               histogram.range.low + width * static_cast<double>(out.counts.size())};
  return out;
}

std::string reportAsJson(const Report &report) {
  Json settings = Json::object();
  for (const auto &[option, value] : report.settings)
    settings[option] = value;
  Json layers = Json::array(), worst = Json::array();
  for (const ReportedLayer &layer : report.layers)
    layers.push_back(asJson(layer));
  for (size_t i : report.worst)
    worst.push_back(report.layers[i].name);
  Json out = {{"format", "edgecc-report"},
              {"version", kVersion},
              {"input", report.input},
              {"output", report.output},
              {"output_bytes", report.writtenBytes},
              {"target", report.target},
              {"compressed", report.isCompressed},
              {"settings", std::move(settings)}};
  out["score"] = report.score ? asJson(*report.score) : Json();
  out["noise"] = report.noiseSamples ? modelNoise(report) : Json();
  out["before"] = asJson(report.before);
  out["after"] = asJson(report.after);
  out["worst"] = std::move(worst);
  out["layers"] = std::move(layers);
  out["notes"] = asJson(report.notes);
  out["warnings"] = report.warnings;
  return out.dump(1, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace edgecc::driver
