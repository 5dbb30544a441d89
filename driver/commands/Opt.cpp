// edgecc opt: runs passes on text IR (or ONNX) and prints the result.
#include "backends/reference/ReferenceExecutor.h"
#include "driver/Arguments.h"
#include "driver/CalibrationData.h"
#include "driver/Console.h"
#include "driver/Load.h"
#include "driver/NativeExecutor.h"
#include "driver/NativeTargetModel.h"
#include "frontend/io/MappedFile.h"
#include "ir/Text.h"
#include "ir/Verifier.h"
#include "passes/PassManager.h"
#include "passes/Plugin.h"
#include "passes/compress/Compression.h"

#include <fmt/format.h>

namespace edgecc::driver {

namespace {

struct OptOptions {
  std::string input, output, passes, target = "native", cpu, calibrate;
  size_t calibrateSamples = 0;
  ImageArguments image;
  std::vector<std::string> shapes, plugins;
  int64_t elideAbove = -1;
  bool list = false, statistics = false;
};

void warn(const std::vector<std::string> &sentences) {
  for (const std::string &sentence : sentences)
    fmt::print(stderr, "edgecc: warning: {}\n", sentence);
}

// Null without --calibrate.
Expected<std::unique_ptr<CalibrationData>> openData(const OptOptions &o, const Module &module) {
  if (o.calibrate.empty())
    return nullptr;
  CalibrationDataOptions options;
  options.image = o.image;
  options.samples = o.calibrateSamples;
  EDGECC_TRY(data, CalibrationData::open(o.calibrate, module.main(), options));
  warn(data->warnings());
  return std::move(data);
}

Expected<void> execute(const OptOptions &o) {
  Registry registry;
  registerBuiltinPasses(registry);
  for (const std::string &plugin : o.plugins)
    EDGECC_CHECK(loadPlugin(plugin, registry));
  if (o.list) {
    for (const auto &pass : registry.passes())
      fmt::print("{:<28} {}\n", pass->name, pass->doc);
    return {};
  }
  if (o.input.empty())
    return error("no input file", "edgecc opt", "give a text IR or ONNX file");
  EDGECC_TRY(target, native::resolveTarget(o.target, o.cpu));
  NativeTargetModel targetModel(target);
  LoadOptions load;
  load.shapes = o.shapes;
  EDGECC_TRY(module, loadModule(o.input, load));
  EDGECC_CHECK(verify(*module));
  PassList passes;
  if (!o.passes.empty()) {
    EDGECC_TRY(named, registry.parse(o.passes));
    passes = std::move(named);
  }
  PassManagerOptions options;
  ReferenceExecutor reference; // exact, and enough without samples
  NativeExecutor native;
  Compression compression;
  EDGECC_TRY(data, openData(o, *module));
  compression.data = data.get();
  options.executor = data ? static_cast<Executor *>(&native) : &reference;
  options.compression = &compression;
  options.target = &targetModel;
  options.verifyEach = true;
  EDGECC_TRY(reports, runPasses(*module, passes, options));
  warn(native.warnings());
  if (o.statistics)
    for (const PassReport &report : reports)
      for (const auto &[what, count] : report.statistics.entries())
        fmt::print(stderr, "{}: {} {}\n", report.pass, count, what);
  std::string text = print(*module, {.elideAbove = o.elideAbove});
  if (!o.output.empty())
    return writeFile(o.output, std::as_bytes(std::span(text)));
  fmt::print("{}", text);
  return {};
}

} // namespace

int optCommand(int argc, char **argv) {
  CLI::App app("Runs passes on text IR or an ONNX model and prints the IR.", "edgecc opt");
  OptOptions options;
  app.add_option("file", options.input, "text IR or ONNX model")->type_name("FILE");
  app.add_option("--passes", options.passes, "a,b{option=1}: in this order; none: print only")
      ->type_name("LIST");
  app.add_option("-o,--output", options.output, "file to write instead of standard output")
      ->type_name("FILE");
  addRepeatable(app, "--shape", options.shapes, "NAME=DIMS", "NAME=1x3x224x224 for an ONNX model");
  app.add_option("--target", options.target, "machine that target-dependent passes ask about")
      ->type_name("T");
  app.add_option("--cpu", options.cpu, "its CPU level")->type_name("C");
  addRepeatable(app, "--load-pass", options.plugins, "FILE",
                "shared library with passes of your own");
  app.add_option("--calibrate", options.calibrate,
                 "folder with samples, or random:COUNT, for passes that run the model")
      ->type_name("DIR");
  app.add_option("--calibrate-samples", options.calibrateSamples,
                 "use only N of the samples, spread over the folder")
      ->type_name("N");
  declareImageArguments(app, options.image);
  app.add_option("--elide", options.elideAbove,
                 "leave out the contents of parameters with more elements")
      ->type_name("N");
  app.add_flag("--list-passes", options.list, "list all passes");
  app.add_flag("--statistics", options.statistics, "print what each pass did to standard error");
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  auto result = execute(options);
  return result ? kSuccess : report(result.error());
}

} // namespace edgecc::driver
