// The descriptions that come with edgecc, and their schema, as text. The definitions are generated
// from descriptions/*.json and runtime/emulator/schema/device.fbs.
#pragma once

#include <span>
#include <string_view>

namespace edgecc::device {

struct Description {
  std::string_view name; // the file's, without .json
  std::string_view json;
};

extern const std::span<const Description> kDescriptions;
extern const char *const kDeviceSchema;

} // namespace edgecc::device
