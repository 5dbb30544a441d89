#include "bench/zoo/Csv.h"

#include <charconv>
#include <fmt/format.h>
#include <fstream>
#include <sstream>

namespace edgecc::zoo {

const std::string &CsvRow::text(std::string_view column) const {
  static const std::string none;
  auto it = cells_.find(column);
  return it == cells_.end() ? none : it->second;
}

std::optional<double> CsvRow::number(std::string_view column) const {
  const std::string &cell = text(column);
  double value = 0;
  auto [end, status] = std::from_chars(cell.data(), cell.data() + cell.size(), value);
  if (status != std::errc() || end != cell.data() + cell.size())
    return std::nullopt;
  return value;
}

namespace {

using Cells = std::vector<std::string>;

class Scanner {
public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool atEnd() const { return rest_.empty(); }
  int line() const { return line_; }

  // One record; nothing if a quote is not closed.
  std::optional<Cells> record() {
    Cells cells{{}};
    while (!rest_.empty()) {
      char c = take();
      if (c == '"') {
        if (!quoted(cells.back()))
          return std::nullopt;
      } else if (c == ',') {
        cells.emplace_back();
      } else if (c == '\n') {
        break;
      } else if (c != '\r') {
        cells.back() += c;
      }
    }
    return cells;
  }

private:
  char take() {
    char c = rest_.front();
    rest_.remove_prefix(1);
    line_ += c == '\n';
    return c;
  }

  // The rest of a quoted part; a doubled quote is one of the cell's own.
  bool quoted(std::string &cell) {
    while (!rest_.empty()) {
      char c = take();
      if (c != '"')
        cell += c;
      else if (rest_.starts_with('"'))
        cell += take();
      else
        return true;
    }
    return false;
  }

  std::string_view rest_;
  int line_ = 1;
};

} // namespace

Expected<std::vector<CsvRow>> parseCsv(std::string_view text, const std::string &source) {
  Scanner scanner(text);
  std::optional<Cells> header;
  std::vector<CsvRow> rows;
  while (!scanner.atEnd()) {
    int line = scanner.line();
    std::optional<Cells> cells = scanner.record();
    std::string where = fmt::format("{}:{}", source, line);
    if (!cells)
      return error("a quote is not closed", where);
    if (!header) {
      header = std::move(cells);
      continue;
    }
    if (cells->size() != header->size())
      return error(
          fmt::format("the line has {} cells, the header {}", cells->size(), header->size()),
          where);
    std::map<std::string, std::string, std::less<>> byName;
    for (size_t i = 0; i < cells->size(); ++i)
      byName[(*header)[i]] = std::move((*cells)[i]);
    rows.emplace_back(std::move(byName), line);
  }
  return rows;
}

Expected<std::vector<CsvRow>> readCsv(const std::filesystem::path &path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream content;
  if (!file || !(content << file.rdbuf()))
    return error("cannot read the table", path.string());
  return parseCsv(content.str(), path.string());
}

} // namespace edgecc::zoo
