#include "tests/conformance/Report.h"

#include <fmt/format.h>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

namespace edgecc::conformance {

using Kind = Outcome::Kind;

static bool passes(const Outcome &outcome) {
  return outcome.kind == Kind::Passed || outcome.kind == Kind::Supported ||
         outcome.kind == Kind::Folded;
}

bool Result::isError() const {
  if (outcome.kind == Kind::Wrong)
    return true;
  return passes(outcome) == (exclusion != nullptr);
}

size_t Report::errors() const {
  size_t count = 0;
  for (const Result &result : results)
    count += result.isError();
  return count;
}

namespace {

struct Counts {
  size_t passed = 0, supported = 0, folded = 0, frozen = 0, refused = 0, excluded = 0, wrong = 0;
};

Counts count(const std::vector<Result> &results) {
  Counts counts;
  for (const Result &result : results) {
    switch (result.outcome.kind) {
    case Kind::Passed:
    case Kind::Supported:
      ++(result.outcome.kind == Kind::Passed ? counts.passed : counts.supported);
      counts.frozen += result.outcome.frozeInputs;
      break;
    case Kind::Folded:
      ++counts.folded;
      break;
    case Kind::Refused:
      ++(result.exclusion ? counts.excluded : counts.refused);
      break;
    case Kind::Wrong:
      ++counts.wrong;
      break;
    }
  }
  return counts;
}

const char *nameOf(const Result &result) {
  switch (result.outcome.kind) {
  case Kind::Passed:
    return "passed";
  case Kind::Supported:
    return "passed with support calls";
  case Kind::Folded:
    return "folded";
  case Kind::Refused:
    return result.exclusion ? "excluded" : "refused";
  case Kind::Wrong:
    return "wrong";
  }
  __builtin_unreachable();
}

Expected<void> write(const std::filesystem::path &path, const std::string &text) {
  std::ofstream file(path);
  file << text;
  if (!file)
    return error("cannot be written", path.string());
  return {};
}

} // namespace

void Report::print() const {
  for (const Result &result : results) {
    if (!result.isError())
      continue;
    if (passes(result.outcome))
      fmt::print(stderr, "{}: passes, but line {} of the exclusions lists it: {}\n", result.name,
                 result.exclusion->line, result.exclusion->reason);
    else
      fmt::print(stderr, "{}: {}: {}\n", result.name, nameOf(result), result.outcome.reason);
  }
  Counts c = count(results);
  fmt::print("{}: {} cases: {} passed, {} passed with support calls ({} of both with operands "
             "compiled in), {} passed by folding, {} excluded, {} refused, {} wrong\n",
             backend, results.size(), c.passed, c.supported, c.frozen, c.folded, c.excluded,
             c.refused, c.wrong);
}

Expected<void> Report::writeJson(const std::filesystem::path &path) const {
  Counts c = count(results);
  nlohmann::ordered_json json{
      {"backend", backend},        {"cases", results.size()},
      {"passed", c.passed},        {"passed_with_support_calls", c.supported},
      {"passed_frozen", c.frozen}, {"folded", c.folded},
      {"excluded", c.excluded},    {"refused", c.refused},
      {"wrong", c.wrong}};
  for (const Result &result : results) {
    nlohmann::ordered_json entry{{"name", result.name}, {"outcome", nameOf(result)}};
    if (result.outcome.frozeInputs)
      entry["operands_compiled_in"] = true;
    if (!passes(result.outcome))
      entry["reason"] = result.outcome.reason;
    json["results"].push_back(std::move(entry));
  }
  return write(path, json.dump(1) + "\n");
}

Expected<void> Report::writeMarkdown(const std::filesystem::path &path) const {
  Counts c = count(results);
  std::string text =
      fmt::format("# ONNX conformance: {} backend\n\n"
                  "Of ONNX's {} node tests:\n\n"
                  "| outcome | tests |\n|---|---|\n"
                  "| passed, run by the backend | {} |\n"
                  "| passed, with a support call | {} |\n"
                  "| passed, computed at compile time | {} |\n"
                  "| excluded, with a reason | {} |\n"
                  "| refused | {} |\n"
                  "| wrong | {} |\n\n"
                  "{} of those that the backend runs need operands that decide shapes to be "
                  "compiled in (`--freeze`).\n\n## Not passed\n",
                  backend, results.size(), c.passed, c.supported, c.folded, c.excluded, c.refused,
                  c.wrong, c.frozen);
  std::map<std::string, std::vector<std::string>> byReason;
  for (const Result &result : results)
    if (!passes(result.outcome))
      byReason[result.exclusion ? result.exclusion->reason : result.outcome.reason].push_back(
          result.name);
  for (const auto &[reason, names] : byReason)
    text += fmt::format("\n**{}** ({}): {}\n", reason, names.size(), fmt::join(names, ", "));
  return write(path, text);
}

} // namespace edgecc::conformance
