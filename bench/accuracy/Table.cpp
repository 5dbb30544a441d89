#include "bench/accuracy/Table.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::bench {

static std::string cellText(const Table::Row &row, const Column &column) {
  auto cell = row.find(column.key);
  if (cell == row.end() || cell->is_null())
    return "-";
  if (cell->is_string())
    return cell->get<std::string>();
  if (cell->is_boolean())
    return cell->get<bool>() ? "yes" : "NO";
  if (cell->is_number_integer())
    return std::to_string(cell->get<int64_t>());
  return fmt::format("{:.{}f}", cell->get<double>(), column.decimals);
}

void Table::add(Row row) {
  std::string line;
  for (const Column &column : columns_)
    line += fmt::format("{} {}  ", column.header, cellText(row, column));
  fmt::print(stderr, "{}\n", line);
  rows_.push_back(std::move(row));
}

std::string Table::text() const {
  std::string out = title_ + "\n\n";
  std::vector<size_t> widths;
  for (const Column &column : columns_) {
    size_t width = column.header.size();
    for (const Row &row : rows_)
      width = std::max(width, cellText(row, column).size());
    widths.push_back(width);
  }
  auto addLine = [&](const auto &cell) {
    for (size_t i = 0; i < columns_.size(); ++i)
      out += i == 0 ? fmt::format("| {:<{}} |", cell(columns_[i]), widths[i])
                    : fmt::format(" {:>{}} |", cell(columns_[i]), widths[i]);
    out += "\n";
  };
  addLine([](const Column &column) { return column.header; });
  out += "|";
  for (size_t i = 0; i < widths.size(); ++i)
    out += std::string(widths[i] + 1, '-') + (i == 0 ? "-|" : ":|");
  out += "\n";
  for (const Row &row : rows_)
    addLine([&](const Column &column) { return cellText(row, column); });
  for (const std::string &note : notes_)
    out += "\n" + note + "\n";
  return out;
}

nlohmann::ordered_json Table::json() const {
  return {{"title", title_}, {"rows", rows_}, {"notes", notes_}};
}

} // namespace edgecc::bench
