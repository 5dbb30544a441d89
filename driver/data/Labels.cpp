#include "driver/data/Labels.h"

#include "frontend/io/MappedFile.h"

#include <algorithm>
#include <charconv>

namespace edgecc::driver {

namespace {

Expected<int> parseClass(std::string_view text, const std::string &where) {
  int value = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || end != text.data() + text.size() || value < 0)
    return error("'" + std::string(text.substr(0, 40)) + "' is not the number of a class", where,
                 "write lines 'file<TAB>class', or one class a line");
  return value;
}

} // namespace

Expected<Labels> parseLabels(std::string_view text, const std::string &path) {
  Labels labels;
  for (size_t line = 1; !text.empty(); ++line) {
    std::string where = path + ":" + std::to_string(line);
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view row = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (row.ends_with('\r'))
      row.remove_suffix(1);
    if (row.empty() || row[0] == '#')
      continue;
    size_t tab = row.find('\t');
    std::string_view number = row.substr(tab == std::string_view::npos ? 0 : tab + 1);
    auto parsed = parseClass(number.substr(0, number.find('\t')), where);
    if (!parsed && line == 1 && tab != std::string_view::npos)
      continue; // the columns' names
    EDGECC_TRY(label, std::move(parsed));
    if (tab == std::string_view::npos)
      labels.inOrder.push_back(label);
    else if (!labels.byName.emplace(row.substr(0, tab), label).second)
      return error("'" + std::string(row.substr(0, tab)) + "' has two classes", where);
    if (!labels.byName.empty() && !labels.inOrder.empty())
      return error("some lines name a file and some do not", where);
  }
  return labels;
}

Expected<std::vector<int>> readLabels(const std::filesystem::path &path,
                                      const CalibrationData &data) {
  EDGECC_TRY(file, MappedFile::open(path));
  auto bytes = file->bytes();
  EDGECC_TRY(labels, parseLabels({reinterpret_cast<const char *>(bytes.data()), bytes.size()},
                                 path.string()));
  std::vector<int> classes;
  if (labels.byName.empty()) {
    if (labels.inOrder.size() != data.total())
      return error("there are " + std::to_string(labels.inOrder.size()) + " classes for " +
                       std::to_string(data.total()) + " samples",
                   path.string());
    for (size_t i = 0; i < data.size(); ++i)
      classes.push_back(labels.inOrder[data.positionOf(i)]);
    return classes;
  }
  for (size_t i = 0; i < data.size(); ++i) {
    std::string name = data.nameOf(i);
    auto found = labels.byName.find(name);
    if (found == labels.byName.end())
      found = labels.byName.find(std::filesystem::path(name).filename().string());
    if (found == labels.byName.end())
      return error("sample '" + name + "' has no class", path.string());
    classes.push_back(found->second);
  }
  return classes;
}

} // namespace edgecc::driver
