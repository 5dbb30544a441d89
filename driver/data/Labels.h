// Which class each sample belongs to.
#pragma once

#include "driver/CalibrationData.h"

#include <filesystem>
#include <map>

namespace edgecc::driver {

// Of a file of labels; one of the two is empty.
struct Labels {
  std::map<std::string, int, std::less<>> byName;
  std::vector<int> inOrder; // of a source's samples
};

// Lines "file<TAB>class", more columns being ignored, or one class a line. Empty lines, lines that
// begin with '#' and a first line that names columns do not count. `path` is for diagnostics.
Expected<Labels> parseLabels(std::string_view text, const std::string &path);

// The class of each sample. Files are named as by nameOf() or without their folder.
Expected<std::vector<int>> readLabels(const std::filesystem::path &path,
                                      const CalibrationData &data);

} // namespace edgecc::driver
