#include "driver/Options.h"

#include <charconv>

namespace edgecc::driver {

Expected<std::pair<std::string, std::string>> parseAssignment(const std::string &text,
                                                              const std::string &option) {
  // The last '=': ONNX names may hold one, file names and shapes rarely do.
  size_t cut = text.rfind('=');
  if (cut == std::string::npos || cut == 0 || cut + 1 == text.size())
    return error("expected NAME=VALUE, not '" + text + "'", option);
  return std::pair(text.substr(0, cut), text.substr(cut + 1));
}

Expected<std::pair<std::string, Dims>> parseShape(const std::string &text) {
  EDGECC_TRY(parts, parseAssignment(text, "--shape"));
  Dims dims;
  const char *at = parts.second.data(), *end = at + parts.second.size();
  while (true) {
    int64_t extent = 0;
    auto [next, status] = std::from_chars(at, end, extent);
    if (status != std::errc() || extent < 0 || (next != end && *next != 'x'))
      return error("'" + parts.second + "' is not a shape", "--shape " + text,
                   "write the extents with x between them, as in input=1x3x224x224");
    dims.push_back(extent);
    if (next == end)
      return std::pair(parts.first, dims);
    at = next + 1;
  }
}

std::string shortName(const std::filesystem::path &path) {
  std::string folder = path.parent_path().filename().string();
  return path.stem() == "model" && !folder.empty() ? folder : path.filename().string();
}

} // namespace edgecc::driver
