// What the scenarios print: rows of named cells, as text for people and as JSON for scripts.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace edgecc::bench {

struct Column {
  std::string key; // of the cell in a row
  std::string header;
  int decimals = 2; // of numbers
};

// A row may lack cells; null is printed as "-".
class Table {
public:
  using Row = nlohmann::ordered_json;

  Table(std::string title, std::vector<Column> columns)
      : title_(std::move(title)), columns_(std::move(columns)) {}

  // Shows a row on stderr at once: a table may take an hour.
  void add(Row row);
  // A sentence below the table.
  void note(std::string text) { notes_.push_back(std::move(text)); }

  bool empty() const { return rows_.empty(); }
  const std::vector<Row> &rows() const { return rows_; }
  std::string text() const;
  nlohmann::ordered_json json() const;

private:
  std::string title_;
  std::vector<Column> columns_;
  std::vector<Row> rows_;
  std::vector<std::string> notes_;
};

} // namespace edgecc::bench
