#include "tests/conformance/Exclusions.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>

namespace edgecc::conformance {

bool matches(std::string_view pattern, std::string_view name) {
  if (pattern.empty())
    return name.empty();
  if (pattern[0] == '*')
    return matches(pattern.substr(1), name) || (!name.empty() && matches(pattern, name.substr(1)));
  return !name.empty() && pattern[0] == name[0] && matches(pattern.substr(1), name.substr(1));
}

static std::string trimmed(const std::string &text) {
  size_t first = text.find_first_not_of(' '), last = text.find_last_not_of(' ');
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

Expected<std::vector<Exclusion>> readExclusions(const std::filesystem::path &path) {
  std::ifstream file(path);
  if (!file)
    return error("cannot be read", path.string());
  std::vector<Exclusion> exclusions;
  std::string line;
  for (unsigned number = 1; std::getline(file, line); ++number) {
    line = trimmed(line);
    if (line.empty() || line[0] == '#')
      continue;
    size_t first = line.find('|'), last = line.rfind('|');
    Exclusion exclusion{trimmed(line.substr(0, first)), "", {}, number};
    if (first != std::string::npos)
      exclusion.reason = trimmed(line.substr(last + 1));
    if (first != last) {
      std::string tolerance = trimmed(line.substr(first + 1, last - first - 1));
      if (!tolerance.starts_with("atol "))
        return error("line " + std::to_string(number) + " has something other than a tolerance",
                     path.string(), "write `name | atol 1e-6 | reason`");
      exclusion.absolute = std::strtod(tolerance.c_str() + 5, nullptr);
    }
    if (exclusion.reason.empty())
      return error("line " + std::to_string(number) + " gives no reason", path.string(),
                   "write `name | reason`");
    exclusions.push_back(std::move(exclusion));
  }
  return exclusions;
}

const Exclusion *findExclusion(const std::vector<Exclusion> &exclusions, const std::string &name) {
  auto it = std::ranges::find_if(
      exclusions, [&](const Exclusion &exclusion) { return matches(exclusion.pattern, name); });
  return it == exclusions.end() ? nullptr : &*it;
}

} // namespace edgecc::conformance
