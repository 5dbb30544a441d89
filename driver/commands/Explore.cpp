// edgecc explore: many compiles for a device, a table and a plot.
#include "driver/Arguments.h"
#include "driver/commands/CompressArguments.h"
#include "driver/device/DeviceArtifact.h"
#include "driver/device/explore/Sweep.h"
#include "driver/device/explore/SweepPlot.h"
#include "frontend/io/MappedFile.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

struct Arguments {
  SweepOptions sweep;
  std::vector<std::string> axes;
  std::string page;
};

void declare(CLI::App &app, Arguments &o) {
  CompileOptions &base = o.sweep.base;
  base.target = "myriadx";
  app.add_option("model", base.input, "ONNX model, or text IR")->type_name("FILE")->required();
  app.add_option("--target", base.target, "device, or the path of a description (.json)")
      ->type_name("T")
      ->capture_default_str();
  addRepeatable(
      app, "--sweep", o.axes, "NAME=VALUES",
      "what varies: NAME=A,B,C or NAME=FIRST:LAST:STEP for target, shaves, streams, batch, "
      "compute-cap, control-cap, memory-cap, quantize, prune (fraction of MACs) or input "
      "(size of the model's square pictures, or NAME=SHAPE); repeatable: all combinations")
      ->required();
  addRepeatable(app, "--shape", base.shapes, "NAME=DIMS", "gives an input's shape; repeatable");
  app.add_option("-o,--output", o.sweep.results,
                 "results, one JSON object a line; what is in it is not run again")
      ->type_name("FILE");
  app.add_option("--html", o.page, "table and Pareto plot as a web page")->type_name("FILE");
  app.add_option("--jobs", o.sweep.jobs, "compiles at a time; default: all cores")->type_name("N");
  app.add_flag("-q,--quiet", base.quiet, "no progress");
  declareCompressArguments(app, base.compress);
}

void printTable(const std::vector<SweepResult> &results) {
  std::vector<size_t> front = paretoFront(results);
  fmt::print("{:>9} {:>9} {:>9} {:>10} {:>4} {:>7}   {}\n", "ms", "fps", "mJ", "bytes", "ctx",
             "score", "options (* beaten by no other)");
  for (size_t i = 0; i < results.size(); ++i) {
    const SweepResult &r = results[i];
    std::string point;
    for (const auto &[axis, value] : r.point)
      point += " " + axis + "=" + value;
    if (!r.failure.empty()) {
      fmt::print("{:>53}  {}: {}\n", "-", point, r.failure);
      continue;
    }
    fmt::print("{:>9.2f} {:>9.1f} {:>9.2f} {:>10} {:>4} {:>7} {}{}\n", r.latencyMs, r.fps,
               r.energyMj, formatBytes(r.bytesPerFrame), r.contexts,
               r.score ? fmt::format("{:.2f}", *r.score) : "-",
               std::ranges::find(front, i) != front.end() ? "*" : " ", point);
  }
}

// Where nothing compiled: why, each reason once.
Expected<void> checkAny(const std::vector<SweepResult> &results) {
  Diagnostics diagnostics;
  for (const SweepResult &result : results) {
    if (result.failure.empty())
      return {};
    if (std::ranges::find(diagnostics, result.failure, &Diagnostic::what) == diagnostics.end())
      diagnostics.push_back({result.failure, "", ""});
  }
  diagnostics.insert(diagnostics.begin(), {"no combination could be compiled", "--sweep", ""});
  return tl::unexpected(std::move(diagnostics));
}

Expected<void> explore(Arguments &o) {
  if (!isDeviceTarget(o.sweep.base.target))
    return error("'" + o.sweep.base.target + "' is not a device", "--target",
                 "explore compares what the emulator measures");
  for (const std::string &text : o.axes) {
    EDGECC_TRY(axis, parseSweepAxis(text));
    o.sweep.axes.push_back(std::move(axis));
  }
  // A device may quantise unasked; then these options are for that.
  CompressOptions compress = o.sweep.base.compress;
  if (compress.recipe.quantize.empty() && quantizesForTarget(o.sweep.base.target))
    compress.recipe.quantize = "int8";
  EDGECC_CHECK(checkCompressArguments(compress, ""));
  EDGECC_TRY(results, sweep(o.sweep));
  printTable(results);
  if (!o.page.empty()) {
    std::string title = fmt::format("{} on {}", shortName(o.sweep.base.input), o.sweep.base.target);
    std::string page = sweepPage(title, results);
    EDGECC_CHECK(writeFile(o.page, std::as_bytes(std::span(page))));
  }
  return checkAny(results);
}

} // namespace

int exploreCommand(int argc, char **argv) {
  CLI::App app("Compiles a model for a device in many ways and compares what they cost.",
               "edgecc explore");
  Arguments arguments;
  declare(app, arguments);
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  // All options but those that vary or only say where results go.
  for (int i = 1; i < argc; ++i) {
    std::string_view argument = argv[i];
    if (argument == "--sweep" || argument == "-o" || argument == "--output" ||
        argument == "--html" || argument == "--jobs")
      ++i;
    else if (argument != "-q" && argument != "--quiet")
      arguments.sweep.context += std::string(argument) + " ";
  }
  auto done = explore(arguments);
  return done ? kSuccess : report(done.error());
}

} // namespace edgecc::driver
