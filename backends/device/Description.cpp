// Descriptions of devices: JSON in the schema of runtime/emulator/schema/device.fbs.
#include "backends/device/Descriptions.h"
#include "backends/device/Device.h"
#include "backends/device/JsonLines.h"

#include <algorithm>
#include <flatbuffers/idl.h>
#include <fmt/format.h>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

namespace edgecc::device {

namespace {

// A description and all that it is based on.
constexpr int kMaxBases = 8;

Expected<std::string> readText(const std::string &nameOrPath) {
  for (const Description &known : kDescriptions)
    if (known.name == nameOrPath)
      return std::string(known.json);
  std::string known;
  for (const Description &description : kDescriptions)
    known += (known.empty() ? "" : ", ") + std::string(description.name);
  if (!nameOrPath.ends_with(".json"))
    return error("there is no device '" + nameOrPath + "'", "--target",
                 "known are " + known +
                     "; a description of your own is named by its path, which ends "
                     "in .json");
  std::ifstream file(nameOrPath, std::ios::binary);
  std::ostringstream text;
  if (!file || !(text << file.rdbuf()))
    return error("cannot read the device description", nameOrPath);
  return text.str();
}

// The text as the schema's binary form; the message of a mistake names line and field.
Expected<emulator::DeviceT> parse(const std::string &text, const std::string &where) {
  flatbuffers::Parser parser;
  bool isSchemaRight = parser.Parse(kDeviceSchema);
  assert(isSchemaRight && "the schema was compiled with the program");
  (void)isSchemaRight;
  if (!parser.Parse(text.c_str()))
    return error("the device description is not in the schema: " + parser.error_, where,
                 "docs/devices.md lists the fields");
  emulator::DeviceT device;
  emulator::GetDevice(parser.builder_.GetBufferPointer())->UnPackTo(&device);
  return device;
}

// A description's own text, and those of its bases behind it.
struct Text {
  std::string name, json;
};

// Where a field that checkDevice names stands: in the first text that has it, or has what it is
// part of. Lists are replaced as a whole, so that their indices are those of that text.
std::string placeOf(std::string field, const std::vector<Text> &texts) {
  for (;;) {
    for (const Text &text : texts)
      if (int line = lineOfField(text.json, field))
        return fmt::format("{}:{}", text.name, line);
    size_t end = field.find_last_of(".[");
    if (end == std::string::npos)
      return texts.front().name;
    field.resize(end);
  }
}

Expected<nlohmann::json> readJson(const std::string &nameOrPath, int depth,
                                  std::vector<Text> &texts) {
  EDGECC_TRY(text, readText(nameOrPath));
  texts.push_back({nameOrPath, text});
  EDGECC_CHECK(parse(text, nameOrPath)); // says in which line a mistake is
  auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false,
                                    /*ignore_comments=*/true);
  if (json.is_discarded() || !json.is_object())
    return error("the device description is not a JSON object", nameOrPath);
  if (!json.contains("base"))
    return json;
  if (depth >= kMaxBases || !json["base"].is_string())
    return error("the device description has no name, or a circle, as its base", nameOrPath);
  std::filesystem::path named = json["base"].get<std::string>();
  if (named.extension() == ".json" && named.is_relative()) // beside the file that names it
    named = std::filesystem::path(nameOrPath).parent_path() / named;
  EDGECC_TRY(base, readJson(named.string(), depth + 1, texts));
  base.merge_patch(json);
  return base;
}

} // namespace

std::vector<std::string> deviceNames() {
  std::vector<std::string> names;
  for (const Description &description : kDescriptions)
    names.emplace_back(description.name);
  return names;
}

Expected<emulator::DeviceT> loadDevice(const std::string &nameOrPath) {
  std::vector<Text> texts;
  EDGECC_TRY(json, readJson(nameOrPath, 0, texts));
  // Each text is in the schema, and so is what they give together: lines of it mean nothing.
  EDGECC_TRY(device, parse(json.dump(), nameOrPath));
  if (auto checked = emulator::checkDevice(device); !checked) {
    const std::string &message = checked.error().message;
    return error("no machine can be as described: " + message,
                 placeOf(message.substr(0, message.find(':')), texts));
  }
  return device;
}

} // namespace edgecc::device
