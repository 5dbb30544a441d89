#include "tests/conformance/Main.h"

#include "tests/conformance/Isolate.h"
#include "tests/conformance/Report.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fmt/format.h>

namespace edgecc::conformance {

namespace fs = std::filesystem;

namespace {

struct Options {
  fs::path data, json, markdown;
  std::vector<fs::path> exclusions;
  std::string filter = "*";
  unsigned jobs = 1;
  Tolerance tolerance;
};

int missingData(const fs::path &folder) {
  const char *ci = std::getenv("CI");
  bool isFailure = ci && std::string_view(ci) == "true";
  fmt::print(stderr, "{}: no conformance data in {}\n", isFailure ? "error" : "skipped",
             folder.string());
  return isFailure ? 1 : 77;
}

int fail(const Diagnostics &diagnostics) {
  fmt::print(stderr, "{}\n", str(diagnostics));
  return 1;
}

Report run(const Options &options, const Backend &backend, const std::vector<std::string> &names,
           const std::vector<Exclusion> &exclusions) {
  auto outcomes = runIsolated(names.size(), options.jobs, [&](size_t i) -> Outcome {
    auto testCase = loadCase(options.data, names[i]);
    if (!testCase)
      return {Outcome::Kind::Refused, false, testCase.error().front().str()};
    testCase->tolerance = options.tolerance;
    if (const Exclusion *listed = findExclusion(exclusions, names[i]); listed && listed->absolute)
      testCase->tolerance.absolute = *listed->absolute;
    return runCase(*testCase, backend.run);
  });
  Report report{backend.name, {}};
  for (size_t i = 0; i < names.size(); ++i) {
    const Exclusion *listed = findExclusion(exclusions, names[i]);
    report.results.push_back(
        {names[i], outcomes[i], listed && listed->absolute ? nullptr : listed});
  }
  return report;
}

} // namespace

int runConformance(int argc, char **argv, const Backend &backend) {
  Options options;
  CLI::App app(fmt::format("Runs ONNX's node tests on the {} backend.", backend.name));
  app.add_option("--data", options.data, "Folder with the unpacked tests")->required();
  app.add_option("--exclusions", options.exclusions, "Files with `name | reason` lines");
  app.add_option("--filter", options.filter, "Only tests whose name matches; * is a wildcard");
  app.add_option("--rtol", options.tolerance.relative, "Relative tolerance");
  app.add_option("--atol", options.tolerance.absolute, "Absolute tolerance");
  app.add_option("--jobs", options.jobs, "Tests at a time")->check(CLI::PositiveNumber);
  app.add_option("--json", options.json, "Write all outcomes here");
  app.add_option("--markdown", options.markdown, "Write a summary here");
  CLI11_PARSE(app, argc, argv);
  if (!fs::is_directory(options.data))
    return missingData(options.data);
  std::vector<std::string> names;
  for (std::string &name : listCases(options.data))
    if (matches(options.filter, name))
      names.push_back(std::move(name));
  if (names.empty())
    return missingData(options.data);
  std::vector<Exclusion> exclusions;
  for (const fs::path &path : options.exclusions) {
    auto read = readExclusions(path);
    if (!read)
      return fail(read.error());
    exclusions.insert(exclusions.end(), read->begin(), read->end());
  }
  Report report = run(options, backend, names, exclusions);
  report.print();
  if (!options.json.empty())
    if (auto written = report.writeJson(options.json); !written)
      return fail(written.error());
  if (!options.markdown.empty())
    if (auto written = report.writeMarkdown(options.markdown); !written)
      return fail(written.error());
  return report.errors() == 0 ? 0 : 1;
}

} // namespace edgecc::conformance
