// edgecc MODEL -o OUTPUT
#include "driver/Arguments.h"
#include "driver/CompileModel.h"
#include "driver/Console.h"
#include "driver/commands/CompressArguments.h"
#include "driver/commands/DeviceArguments.h"
#include "driver/device/DeviceArtifact.h"

#include <fmt/format.h>

namespace edgecc::driver {

namespace {

const std::map<std::string, Emit> kEmitNames = {
    {"blob", Emit::Blob}, {"obj", Emit::Object}, {"lib", Emit::Library}, {"asm", Emit::Assembly},
    {"llvm", Emit::Llvm}, {"ir", Emit::Ir},      {"onnx", Emit::Onnx}};

void declare(CLI::App &app, CompileOptions &o, std::string &emit, std::string &budget) {
  app.add_option("model", o.input, "ONNX model, or text IR")->type_name("FILE")->required();
  app.add_option("-o,--output", o.output, "file to write")->type_name("FILE")->required();
  app.add_option(
         "--emit", emit,
         "blob (default), obj (with a C header), lib (static library with a C header), asm, "
         "llvm, ir (edgecc's text IR, as imported) or onnx (after the target-independent "
         "passes)")
      ->type_name("KIND")
      ->check([](const std::string &kind) {
        return kEmitNames.contains(kind) ? "" : "there is no kind of output '" + kind + "'";
      });
  addRepeatable(app, "--shape", o.shapes, "NAME=DIMS",
                "NAME=1x3x224x224 gives an input's shape, SYMBOL=4 a symbolic dimension; "
                "repeatable");
  app.add_option("--shapes-from", o.shapesFrom,
                 "folder with input_J.pb in the layout of ONNX's test data, whose shapes bind the "
                 "inputs")
      ->type_name("DIR");
  addRepeatable(app, "--freeze", o.freeze, "NAME=FILE",
                "NAME=FILE (.npy, .pb) turns an input into a constant");
  app.add_option("--image-input", o.imageInputs,
                 "make an input take raw u8 RGB pixels: name=x,layout=NHWC,order=BGR,"
                 "mean=103.5:116.3:123.7,scale=0.017 (all optional)")
      ->type_name("SPEC")
      ->expected(0, 1);
  app.add_option(
         "--target", o.target,
         "native (default), x86-64, aarch64 or riscv64; with -none for bare metal; myriadx, "
         "hailo8 or another device, or the path of a device description (.json)")
      ->type_name("T");
  app.add_option(
         "--cpu", o.cpu,
         "host (default on the host's architecture), baseline, avx2, avxvnni, avx512, avx512vnni, "
         "neon, dotprod, i8mm, rv64gc, rv64gcv; optionally with +feature or -feature")
      ->type_name("C");
  declareCompressArguments(app, o.compress);
  declareDeviceArguments(app, o, budget);
  app.add_option("--symbol", o.symbol,
                 "prefix of the symbols of obj and lib; default: the output's name")
      ->type_name("NAME");
  app.add_option("--threads", o.threads, "compile threads; default: all cores")->type_name("N");
  app.add_option("--cache", o.cache,
                 "keep compiled kernels in this folder, for later compiles of the same layers")
      ->type_name("DIR");
  app.add_option("--tune", o.tune,
                 "measure which algorithm each convolution is fastest with, and keep it in this "
                 "file; what the file knows is not measured again")
      ->type_name("FILE");
  app.add_flag("--exact", o.exact,
               "compute every layer directly (no Winograd, no products of bf16): the same bits on "
               "all CPUs that have fused multiply-add");
  app.add_option("--passes", o.passes, "run these passes instead of the pipeline: a,b{option=1}")
      ->type_name("LIST");
  addRepeatable(app, "--load-pass", o.plugins, "FILE",
                "shared library with passes of your own; repeatable");
  addRepeatable(app, "--print-after", o.printAfter, "PASS",
                "print the IR after this pass, or after all");
  app.add_flag("--time-passes", o.timePasses, "print the time of each pass");
  app.add_flag("--verify-each", o.verifyEach, "check the IR after each pass");
  app.add_flag("-q,--quiet", o.quiet, "print nothing but errors");
  app.footer(
      "Other commands: edgecc run, bench, diff, inspect, verify, opt, ops, explore, share; each "
      "has --help.\n"
      "Exit codes: 0 success, 1 results differ (run --test-data, diff, verify) or a --budget is "
      "missed, 2 a mistake in the "
      "command line, a file or a model.");
}

// Those about the model as a whole, and the first few about layers; the report has them all.
void printNotes(const std::vector<Note> &notes) {
  constexpr size_t kShown = 8;
  size_t shown = 0, left = 0;
  for (const Note &note : notes)
    if (note.layer.empty())
      fmt::print("  {}: {}\n", note.pass, note.text);
    else if (shown++ < kShown)
      fmt::print("  {}: {}: {}\n", note.pass, note.layer, note.text);
    else
      ++left;
  if (left > 0)
    fmt::print("  and {} more such notes: --report shows them all\n", left);
}

// What is missed is told even where nothing else is.
void printBudget(const CompileOptions &o, const CompileSummary &s) {
  if (s.budget.empty())
    return;
  std::vector<std::string> lines = describe(s.budget, *s.deviceProgram);
  for (size_t i = 0; i < lines.size(); ++i)
    if (!o.quiet)
      fmt::print("{}\n", lines[i]);
    else if (!s.budget[i].pass)
      fmt::print(stderr, "{}\n", lines[i]);
}

void printSummary(const CompileOptions &o, const CompileSummary &s) {
  if (o.timePasses)
    fmt::print("{}", s.timings);
  if (o.quiet)
    return;
  for (const std::string &line : s.passes)
    fmt::print("  {}\n", line);
  for (const std::string &warning : s.warnings)
    fmt::print(stderr, "edgecc: warning: {}\n", warning);
  printNotes(s.notes);
  if (s.score)
    fmt::print("{} {:.2f} (float {:.2f}) on {} samples\n", s.score->metric, s.score->compressed,
               s.score->original, s.score->samples);
  if (s.layers > 0)
    fmt::print("{} layers, {} distinct kernels{}, {} MACs for {}\n", s.layers, s.kernels,
               o.cache.empty() ? "" : fmt::format(" ({} from the cache)", s.cachedKernels),
               formatCount(static_cast<double>(s.macs)), s.target);
  if (s.layers > 0)
    fmt::print("weights {}, arena {} + {} scratch a thread\n",
               formatBytes(static_cast<double>(s.weightsBytes)),
               formatBytes(static_cast<double>(s.arenaBytes)),
               formatBytes(static_cast<double>(s.scratchBytes)));
  if (!s.device.empty())
    fmt::print("{}\n", s.device);
  if (!s.tuning.empty())
    fmt::print("{}\n", s.tuning);
  fmt::print("wrote {} ({}) in {:.2f} s\n", o.output.string(),
             formatBytes(static_cast<double>(s.codeAndWeightsBytes)), s.seconds);
}

} // namespace

int compileCommand(int argc, char **argv) {
  CLI::App app("Compiles a neural network ahead of time.\n"
               "  edgecc model.onnx -o model.blob",
               "edgecc");
  CompileOptions options;
  std::string emit = "blob", budget;
  declare(app, options, emit, budget);
  app.set_version_flag("--version", "edgecc " EDGECC_VERSION);
  if (auto exit = parseArguments(app, argc, argv))
    return *exit;
  options.emit = kEmitNames.at(emit);
  if (auto checked = checkDeviceArguments(options, budget); !checked)
    return report(checked.error());
  CompressOptions compress = options.compress;
  if (compress.recipe.quantize.empty() && quantizesForTarget(options.target))
    compress.recipe.quantize = "int8"; // which a compile for it does unasked
  else if (compress.recipe.quantize.empty() && isDeviceTarget(options.target))
    compress.recipe.quantize = "fp16"; // as all of it is
  if (auto checked = checkCompressArguments(compress, options.passes); !checked)
    return report(checked.error());
  auto summary = compileModel(options);
  if (!summary)
    return report(summary.error());
  printSummary(options, *summary);
  printBudget(options, *summary);
  return allPass(summary->budget) ? kSuccess : kDifferent;
}

} // namespace edgecc::driver
