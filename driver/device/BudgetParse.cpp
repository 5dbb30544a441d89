// The text of --budget.
#include "driver/device/Budget.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fmt/format.h>
#include <string_view>

namespace edgecc::driver {

namespace {

struct Unit {
  std::string_view name;
  double factor;
};

struct Known {
  std::string_view name;
  Quantity quantity;
  std::vector<Unit> units; // the first one is what hints name
};

const std::vector<Known> &known() {
  static const std::vector<Unit> bytes = {
      {"MB", 1e6}, {"B", 1},      {"KB", 1e3},           {"kB", 1e3},
      {"GB", 1e9}, {"KiB", 1024}, {"MiB", 1024 * 1024.}, {"GiB", 1024 * 1024. * 1024}};
  static const std::vector<Known> table = {
      {"fps", Quantity::FrameRate, {{"", 1}}},
      {"latency", Quantity::Latency, {{"ms", 1e-3}, {"us", 1e-6}, {"s", 1}}},
      {"memory", Quantity::Memory, bytes},
      {"bandwidth", Quantity::Bandwidth, {{"MB/s", 1e6}, {"B/s", 1}, {"KB/s", 1e3}, {"GB/s", 1e9}}},
      {"power", Quantity::Power, {{"W", 1}, {"mW", 1e-3}}},
      {"energy", Quantity::Energy, {{"mJ", 1e-3}, {"uJ", 1e-6}, {"J", 1}}}};
  return table;
}

template <class List, class Name> std::string joined(const List &list, Name name) {
  std::string out;
  for (size_t i = 0; i < list.size(); ++i)
    out += fmt::format("{}{}", i == 0 ? "" : i + 1 == list.size() ? " or " : ", ", name(list[i]));
  return out;
}

Expected<Limit> parseLimit(std::string_view item) {
  size_t equals = item.find('=');
  std::string_view name = item.substr(0, equals);
  auto found = std::ranges::find(known(), name, &Known::name);
  if (found == known().end())
    return error(fmt::format("there is no limit '{}'", name), "--budget",
                 "name " + joined(known(), [](const Known &k) { return k.name; }));
  std::string example = fmt::format("write {}=30{}", name, found->units.front().name);
  if (equals == std::string_view::npos)
    return error(fmt::format("'{}' has no value", name), "--budget", example);
  std::string_view text = item.substr(equals + 1);
  double value = 0;
  auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (status != std::errc() || !std::isfinite(value) || value <= 0)
    return error(fmt::format("'{}' is no positive number", text), "--budget", example);
  std::string_view unit(end, static_cast<size_t>(text.data() + text.size() - end));
  auto scale = std::ranges::find(found->units, unit, &Unit::name);
  if (scale == found->units.end()) {
    auto units = joined(found->units, [](const Unit &u) { return u.name; });
    std::string what = unit.empty() ? fmt::format("{} needs a unit", name)
                                    : fmt::format("'{}' is no unit of {}", unit, name);
    return error(what, "--budget",
                 found->quantity == Quantity::FrameRate ? "write the number alone"
                                                        : "use " + units);
  }
  return Limit{found->quantity, value * scale->factor};
}

} // namespace

Expected<std::vector<Limit>> parseBudget(const std::string &text) {
  std::vector<Limit> budget;
  std::string_view rest = text;
  for (bool more = true; more;) {
    size_t comma = rest.find(',');
    EDGECC_TRY(limit, parseLimit(rest.substr(0, comma)));
    if (std::ranges::find(budget, limit.quantity, &Limit::quantity) != budget.end())
      return error(fmt::format("'{}' is there twice", rest.substr(0, rest.find('='))), "--budget",
                   "give each limit once");
    budget.push_back(limit);
    more = comma != std::string_view::npos;
    if (more)
      rest.remove_prefix(comma + 1);
  }
  return budget;
}

} // namespace edgecc::driver
