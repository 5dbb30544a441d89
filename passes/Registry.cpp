#include "passes/Registry.h"

#include <algorithm>
#include <cassert>

namespace edgecc {

void Registry::add(PassInfo pass) {
  assert(!find(pass.name) && "the pass's name is taken");
  passes_.push_back(std::make_unique<PassInfo>(std::move(pass)));
}

const PassInfo *Registry::find(std::string_view name) const {
  auto it = std::ranges::find_if(passes_, [&](const auto &pass) { return pass->name == name; });
  return it == passes_.end() ? nullptr : it->get();
}

PassCall Registry::call(std::string_view name) const {
  const PassInfo *pass = find(name);
  assert(pass && "there is no such pass");
  return {pass, PassOptions(pass->options)};
}

namespace {

std::string_view trimmed(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\n");
  if (first == std::string_view::npos)
    return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

// Takes the text up to the first of `stops` (or all of it) off the front.
std::string_view takeUntil(std::string_view &text, std::string_view stops) {
  size_t end = std::min(text.find_first_of(stops), text.size());
  std::string_view taken = text.substr(0, end);
  text.remove_prefix(end);
  return trimmed(taken);
}

Expected<void> parseOptions(PassCall &call, std::string_view &text) {
  text.remove_prefix(1); // {
  size_t close = text.find('}');
  if (close == std::string_view::npos)
    return error("the options of pass " + call.pass->name + " do not end", {}, "add '}'");
  std::string_view list = text.substr(0, close);
  text.remove_prefix(close + 1);
  while (!trimmed(list).empty()) {
    std::string_view entry = takeUntil(list, ",");
    list.remove_prefix(list.empty() ? 0 : 1);
    size_t equals = entry.find('=');
    if (equals == std::string_view::npos)
      return error("option '" + std::string(entry) + "' of pass " + call.pass->name +
                       " has no value",
                   {}, "write NAME=VALUE");
    auto set =
        call.options.set(trimmed(entry.substr(0, equals)), trimmed(entry.substr(equals + 1)));
    if (!set) {
      for (Diagnostic &diagnostic : set.error())
        diagnostic.where = "pass " + call.pass->name;
      return set;
    }
  }
  return {};
}

std::string optionText(const OptionValue &value) {
  if (const auto *flag = std::get_if<bool>(&value))
    return *flag ? "true" : "false";
  if (const auto *integer = std::get_if<int64_t>(&value))
    return std::to_string(*integer);
  if (const auto *real = std::get_if<double>(&value))
    return std::to_string(*real);
  return std::get<std::string>(value);
}

} // namespace

Expected<PassList> Registry::parse(std::string_view text) const {
  PassList list;
  text = trimmed(text);
  while (!text.empty()) {
    std::string_view name = takeUntil(text, ",{");
    const PassInfo *pass = find(name);
    if (!pass)
      return error("there is no pass called '" + std::string(name) + "'", "--passes",
                   "edgecc opt --list-passes shows all");
    list.push_back({pass, PassOptions(pass->options)});
    if (!text.empty() && text.front() == '{')
      EDGECC_CHECK(parseOptions(list.back(), text));
    text = trimmed(text);
    if (!text.empty() && text.front() != ',')
      return error("expected ',' between passes, found '" + std::string(text) + "'", "--passes");
    text.remove_prefix(text.empty() ? 0 : 1);
  }
  return list;
}

std::string passDocs(const Registry &registry) {
  std::string text;
  for (const auto &pass : registry.passes()) {
    text += "### " + pass->name + "\n\n" + pass->doc + "\n\n";
    for (const OptionDef &option : pass->options)
      text +=
          "- `" + option.name + "=" + optionText(option.defaultValue) + "`: " + option.doc + "\n";
    text += pass->options.empty() ? "" : "\n";
  }
  return text;
}

} // namespace edgecc
