#include "driver/tune/TuningFile.h"

#include "frontend/io/MappedFile.h"

#include <cmath>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace edgecc::driver {

namespace {

using native::ConvAlgorithm;

constexpr const char *kVersionKey = "edgecc tuning";
constexpr int kVersion = 1;

constexpr std::pair<ConvAlgorithm, const char *> kNames[] = {
    {ConvAlgorithm::Direct, "direct"},
    {ConvAlgorithm::Winograd2, "winograd2"},
    {ConvAlgorithm::Winograd4, "winograd4"},
    {ConvAlgorithm::Winograd6, "winograd6"},
};

std::optional<ConvAlgorithm> algorithmOf(const nlohmann::json &value) {
  if (value.is_string())
    for (const auto &[algorithm, name] : kNames)
      if (value.get_ref<const std::string &>() == name)
        return algorithm;
  return std::nullopt;
}

std::optional<TunedLayer> layerOf(const nlohmann::json &value) {
  if (!value.is_object() || !value.contains("choice"))
    return std::nullopt;
  auto choice = algorithmOf(value["choice"]);
  if (!choice)
    return std::nullopt;
  TunedLayer out;
  out.choice = *choice;
  if (value.contains("microseconds") && value["microseconds"].is_object())
    for (const auto &[name, time] : value["microseconds"].items())
      if (auto algorithm = algorithmOf(name); algorithm && time.is_number())
        out.microseconds[*algorithm] = time.get<double>();
  return out;
}

} // namespace

std::string nameOf(ConvAlgorithm algorithm) {
  for (const auto &[each, name] : kNames)
    if (each == algorithm)
      return name;
  return "auto";
}

Expected<TuningFile> TuningFile::read(const std::filesystem::path &path) {
  TuningFile out;
  std::error_code status;
  if (!std::filesystem::exists(path, status))
    return out;
  auto refuse = [&](const std::string &why) {
    return error("this is not a tuning file: " + why, path.string(),
                 "--tune makes one where there is none; give another name, or remove the file");
  };
  EDGECC_TRY(file, MappedFile::open(path));
  auto *begin = reinterpret_cast<const char *>(file->bytes().data());
  auto json = nlohmann::json::parse(begin, begin + file->bytes().size(), nullptr,
                                    /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains(kVersionKey))
    return refuse(fmt::format("it has no \"{}\"", kVersionKey));
  if (json[kVersionKey] != kVersion)
    return refuse("another version of edgecc wrote it");
  if (!json.contains("cpus") || !json["cpus"].is_object())
    return refuse("it has no \"cpus\"");
  for (const auto &[cpu, layers] : json["cpus"].items()) {
    if (!layers.is_object())
      return refuse("'" + cpu + "' has no layers");
    for (const auto &[name, value] : layers.items()) {
      auto layer = layerOf(value);
      if (!layer)
        return refuse("the layer '" + name + "' has no choice that is known");
      out.cpus_[cpu][name] = *layer;
    }
  }
  return out;
}

Expected<void> TuningFile::write(const std::filesystem::path &path) const {
  nlohmann::json json = {{kVersionKey, kVersion}, {"cpus", nlohmann::json::object()}};
  for (const auto &[cpu, layers] : cpus_)
    for (const auto &[name, layer] : layers) {
      nlohmann::json &out = json["cpus"][cpu][name];
      out["choice"] = nameOf(layer.choice);
      for (const auto &[algorithm, time] : layer.microseconds)
        out["microseconds"][nameOf(algorithm)] = std::round(time * 10) / 10;
    }
  std::string text = json.dump(2) + "\n";
  return writeFile(path, std::as_bytes(std::span(text)));
}

const TunedLayer *TuningFile::find(const std::string &cpu, const std::string &layer) const {
  auto layers = cpus_.find(cpu);
  if (layers == cpus_.end())
    return nullptr;
  auto found = layers->second.find(layer);
  return found == layers->second.end() ? nullptr : &found->second;
}

void TuningFile::add(const std::string &cpu, const std::string &layer, TunedLayer tuned) {
  cpus_[cpu][layer] = std::move(tuned);
}

} // namespace edgecc::driver
