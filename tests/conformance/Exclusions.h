// Which cases do not pass, or only with a wider tolerance, and why. One line each, where a name may
// hold `*`:
//   name | reason
//   name | atol 1e-6 | reason
// A line that begins with `#` is a comment.
#pragma once

#include "ir/Diagnostic.h"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace edgecc::conformance {

struct Exclusion {
  std::string pattern, reason;
  std::optional<double> absolute; // the case passes with this absolute tolerance
  unsigned line = 0;
};

Expected<std::vector<Exclusion>> readExclusions(const std::filesystem::path &path);
const Exclusion *findExclusion(const std::vector<Exclusion> &exclusions, const std::string &name);

// `*` stands for any characters.
bool matches(std::string_view pattern, std::string_view name);

} // namespace edgecc::conformance
