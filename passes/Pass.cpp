#include "passes/Pass.h"

#include <algorithm>
#include <charconv>

namespace edgecc {

PassOptions::PassOptions(const std::vector<OptionDef> &defs) {
  for (const OptionDef &def : defs)
    values_.emplace(def.name, def.defaultValue);
}

namespace {

Expected<OptionValue> parseAs(const OptionValue &like, std::string_view name,
                              std::string_view text) {
  auto fail = [&](const char *kind) {
    return error("option " + std::string(name) + " is " + kind + ", not '" + std::string(text) +
                 "'");
  };
  auto number = [&]<class T>(T value, const char *kind) -> Expected<OptionValue> {
    auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size())
      return fail(kind);
    return OptionValue(value);
  };
  if (std::holds_alternative<bool>(like)) {
    if (text != "true" && text != "false")
      return fail("true or false");
    return OptionValue(text == "true");
  }
  if (std::holds_alternative<int64_t>(like))
    return number(int64_t{0}, "an integer");
  if (std::holds_alternative<double>(like))
    return number(0.0, "a number");
  return OptionValue(std::string(text));
}

} // namespace

Expected<void> PassOptions::set(std::string_view name, std::string_view value) {
  auto it = values_.find(name);
  if (it == values_.end()) {
    std::string known;
    for (const auto &entry : values_)
      known += (known.empty() ? "" : ", ") + entry.first;
    return error("there is no option " + std::string(name), {},
                 known.empty() ? "the pass has no options" : "its options are: " + known);
  }
  EDGECC_TRY(parsed, parseAs(it->second, name, value));
  it->second = std::move(parsed);
  return {};
}

void Statistics::add(std::string_view what, int64_t count) {
  if (count == 0)
    return;
  auto it = std::ranges::find(entries_, what, &std::pair<std::string, int64_t>::first);
  if (it == entries_.end())
    entries_.emplace_back(what, count);
  else
    it->second += count;
}

int64_t Statistics::count(std::string_view what) const {
  auto it = std::ranges::find(entries_, what, &std::pair<std::string, int64_t>::first);
  return it == entries_.end() ? 0 : it->second;
}

} // namespace edgecc
