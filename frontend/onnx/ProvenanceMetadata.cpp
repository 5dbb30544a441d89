#include "frontend/onnx/ProvenanceMetadata.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace edgecc {

using Json = nlohmann::json;

static const char *const kKey = "edgecc.provenance";

void writeProvenance(onnx::ModelProto &model, const std::map<const Value *, std::string> &names) {
  Json entries = Json::object(); // sorted by name
  for (const auto &[value, name] : names) {
    const Provenance &from = value->provenance;
    if (from.tensor.empty() ||
        (from.tensor == name && from.channelMap.empty() && from.scale.empty()))
      continue;
    Json entry{{"tensor", from.tensor}};
    if (!from.channelMap.empty() || !from.scale.empty())
      entry["axis"] = from.axis;
    if (!from.channelMap.empty())
      entry["channels"] = from.channelMap;
    if (!from.scale.empty())
      entry["scale"] = from.scale;
    entries[name] = std::move(entry);
  }
  if (entries.empty())
    return;
  onnx::StringStringEntryProto &property = *model.add_metadata_props();
  property.set_key(kKey);
  // ONNX names are bytes, not always UTF-8.
  property.set_value(entries.dump(-1, ' ', false, Json::error_handler_t::replace));
}

namespace {

bool isNumbers(const Json &list, size_t count, bool (*isRight)(const Json &)) {
  return list.is_array() && list.size() == count && std::ranges::all_of(list, isRight);
}

bool isChannel(const Json &number) {
  return number.is_number_integer() && number.get<int64_t>() >= 0;
}

bool isScale(const Json &number) {
  return number.is_number() && std::isfinite(number.get<double>()) && number.get<double>() != 0;
}

std::optional<Provenance> provenanceOf(const Json &entry, const Value &value) {
  auto tensor = entry.is_object() ? entry.find("tensor") : entry.end();
  if (!entry.is_object() || tensor == entry.end() || !tensor->is_string())
    return std::nullopt;
  Provenance from;
  from.tensor = tensor->get<std::string>();
  auto axis = entry.find("axis");
  if (axis == entry.end())
    return from;
  if (!axis->is_number_integer() || axis->get<int64_t>() < 0 ||
      axis->get<int64_t>() >= static_cast<int64_t>(value.dims().size()))
    return std::nullopt;
  from.axis = axis->get<int>();
  auto extent = static_cast<size_t>(value.dims()[static_cast<size_t>(from.axis)]);
  if (auto channels = entry.find("channels"); channels != entry.end()) {
    if (!isNumbers(*channels, extent, isChannel))
      return std::nullopt;
    from.channelMap = channels->get<std::vector<int64_t>>();
  }
  if (auto scale = entry.find("scale"); scale != entry.end()) {
    if (!isNumbers(*scale, extent, isScale))
      return std::nullopt;
    from.scale = scale->get<std::vector<double>>();
  }
  return from;
}

} // namespace

void readProvenance(const onnx::ModelProto &model, Module &module) {
  for (const auto &property : model.metadata_props()) {
    if (property.key() != kKey)
      continue;
    Json entries = Json::parse(property.value(), nullptr, false);
    if (!entries.is_object())
      return;
    auto read = [&](Value &value) {
      if (value.provenance.tensor.empty())
        return;
      auto entry = entries.find(value.provenance.tensor);
      if (entry == entries.end())
        return;
      if (auto from = provenanceOf(*entry, value))
        value.provenance = std::move(*from);
    };
    for (const auto &argument : module.main().body.arguments())
      read(*argument);
    for (const auto &op : module.main().body.ops())
      for (unsigned i = 0; i < op->numResults(); ++i)
        read(*op->result(i));
    return;
  }
}

} // namespace edgecc
