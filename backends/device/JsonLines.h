// Where a field stands in a description.
#pragma once

#include <string_view>

namespace edgecc::device {

// The line, from 1, of the field with a path such as "scheduled.engines[1].count" in JSON with
// comments; 0 where the text does not have it. The text has been parsed before.
int lineOfField(std::string_view json, std::string_view path);

} // namespace edgecc::device
