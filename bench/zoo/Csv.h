// Tables of published figures: comma-separated values with a header line (RFC 4180).
#pragma once

#include "ir/Diagnostic.h"

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace edgecc::zoo {

// A line; the key is the column's name.
class CsvRow {
public:
  CsvRow(std::map<std::string, std::string, std::less<>> cells, int line)
      : cells_(std::move(cells)), line_(line) {}

  int line() const { return line_; } // in the file, from 1
  // Empty if the table has no such column.
  const std::string &text(std::string_view column) const;
  // Nothing if the cell is no number.
  std::optional<double> number(std::string_view column) const;

private:
  std::map<std::string, std::string, std::less<>> cells_;
  int line_;
};

// Fails if a line has another number of cells than the header, or a quote is not closed.
Expected<std::vector<CsvRow>> parseCsv(std::string_view text, const std::string &source);
Expected<std::vector<CsvRow>> readCsv(const std::filesystem::path &path);

} // namespace edgecc::zoo
