#include "driver/CompileModel.h"
#include "driver/tune/Tune.h"

#include "backends/native/ObjectCache.h"
#include "backends/reference/ReferenceExecutor.h"
#include "driver/Artifact.h"
#include "driver/Console.h"
#include "driver/Load.h"
#include "driver/NativeExecutor.h"
#include "driver/NativeTargetModel.h"
#include "driver/compress/Compress.h"
#include "driver/device/DeviceArtifact.h"
#include "driver/device/report/WriteDeviceReports.h"
#include "driver/report/CompileReport.h"
#include "frontend/io/MappedFile.h"
#include "frontend/onnx/Exporter.h"
#include "ir/Text.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"
#include "passes/Plugin.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <thread>

namespace edgecc::driver {

namespace {

unsigned compileThreads(const CompileOptions &o) {
  return o.threads ? o.threads : std::max(1u, std::thread::hardware_concurrency());
}

Expected<void> writeText(const std::filesystem::path &path, const std::string &text) {
  return writeFile(path, std::as_bytes(std::span(text)));
}

// What would make the work useless at its end.
Expected<void> checkOutput(const CompileOptions &o) {
  std::error_code status; // what cannot be examined fails when it is written
  std::filesystem::path folder = o.output.parent_path();
  if (!folder.empty() && !std::filesystem::is_directory(folder, status))
    return error("there is no such folder to write to", folder.string());
  if (std::filesystem::is_directory(o.output, status))
    return error("the output is a folder", o.output.string(), "name a file in it");
  for (const std::filesystem::path &report :
       {o.compress.reportHtml, o.compress.reportJson, o.trace}) {
    folder = report.parent_path();
    if (!folder.empty() && !std::filesystem::is_directory(folder, status))
      return error("there is no such folder to write a report to", folder.string());
    if (!report.empty() && std::filesystem::is_directory(report, status))
      return error("the report is a folder", report.string(), "name a file in it");
  }
  const std::filesystem::path *outputs[] = {&o.output, &o.compress.reportHtml,
                                            &o.compress.reportJson, &o.trace};
  for (const auto *a : outputs)
    for (const auto *b : outputs)
      if (a != b && !a->empty() && *a == *b)
        return error("two outputs have one name", a->string());
  if ((o.emit == Emit::Object || o.emit == Emit::Library) && o.output.extension() == ".h")
    return error("the C header would replace the output", o.output.string(),
                 "end the output's name in .o or .a");
  auto isIdentifier = [](const std::string &text) {
    return std::isdigit(static_cast<unsigned char>(text[0])) == 0 &&
           std::all_of(text.begin(), text.end(), [](unsigned char c) {
             return (std::isalnum(c) != 0 && c < 128) || c == '_';
           });
  };
  if (!o.symbol.empty() && !isIdentifier(o.symbol))
    return error("'" + o.symbol + "' cannot begin the names of C functions", "--symbol",
                 "use letters, digits and underscores");
  return {};
}

// All ops that the target cannot run, in one message.
Expected<void> checkLegal(const Module &module, const TargetModel &target) {
  Diagnostics unsupported;
  for (const auto &function : module.functions())
    walk(function->body, [&](const Op &op) {
      if (std::string why = target.whyIllegal(op); !why.empty())
        unsupported.push_back(
            {fmt::format("{} cannot run on {}: {}", op.name(), target.name(), why), op.location,
             ""});
    });
  if (!unsupported.empty())
    return tl::unexpected(std::move(unsupported));
  return {};
}

Expected<void> checkRewrites(const Registry &registry, const std::vector<std::string> &names) {
  for (const std::string &name : names)
    if (const PassInfo *pass = registry.find(name); !pass || !pass->isRewrite) {
      std::vector<std::string> rewrites;
      for (const auto &each : registry.passes())
        if (each->isRewrite)
          rewrites.push_back(each->name);
      return error("there is no rewrite '" + name + "'", "--rewrite",
                   fmt::format("the rewrites are {}", fmt::join(rewrites, ", ")));
    }
  return {};
}

Expected<void> registerPasses(Registry &registry, const CompileOptions &o) {
  registerBuiltinPasses(registry);
  for (const std::string &plugin : o.plugins)
    EDGECC_CHECK(loadPlugin(plugin, registry));
  for (const std::string &name : o.printAfter)
    if (name != "all" && !registry.find(name))
      return error("there is no pass '" + name + "'", "--print-after",
                   "edgecc opt --list-passes lists them");
  return checkRewrites(registry, o.compress.recipe.rewrites);
}

// What happens as passes run: progress, and the IR on request.
void followPasses(PassManagerOptions &options, const CompileOptions &o, Progress &progress) {
  options.verifyEach = o.verifyEach;
  options.after = [&](const PassInfo &pass, const Module &after) {
    progress.step(pass.name);
    for (const std::string &name : o.printAfter)
      if (name == "all" || name == pass.name) {
        fmt::print("// after {}\n{}\n", pass.name, print(after, {.elideAbove = 64}));
        break;
      }
  };
  options.progress = [&](const PassInfo &pass, size_t done, size_t total) {
    progress.advance(pass.name, done, total);
  };
}

// The passes between import and code generation, in the order in which they run.
class Passes {
public:
  Passes(const CompileOptions &o, const Registry &registry, const PassManagerOptions &options)
      : o_(o), registry_(registry), options_(options) {}

  Expected<void> run(Module &module, const PassList &passes) {
    EDGECC_TRY(reports, runPasses(module, passes, options_));
    add(std::move(reports));
    return {};
  }

  Expected<void> compileImageInputs(Module &module) {
    for (const std::string &input : o_.imageInputs) {
      EDGECC_TRY(passes, registry_.parse("image-input{" + input + "}"));
      EDGECC_CHECK(run(module, passes));
    }
    return {};
  }

  void add(std::vector<PassReport> reports) {
    std::move(reports.begin(), reports.end(), std::back_inserter(reports_));
  }

  const std::vector<PassReport> &reports() const { return reports_; }

private:
  const CompileOptions &o_;
  const Registry &registry_;
  const PassManagerOptions &options_;
  std::vector<PassReport> reports_;
};

std::vector<std::string> describe(const std::vector<PassReport> &reports) {
  std::vector<std::string> lines;
  for (const PassReport &report : reports) {
    std::string line;
    for (const auto &[what, count] : report.statistics.entries())
      line += fmt::format("{}{} {}", line.empty() ? "" : ", ", count, what);
    if (!line.empty())
      lines.push_back(line);
  }
  return lines;
}

// Values that random inputs have made too large for f16, and that no sample speaks of.
int64_t leavingHalf(const std::vector<PassReport> &reports) {
  int64_t count = 0;
  for (const PassReport &report : reports)
    count += report.statistics.count("values that may leave f16");
  return count;
}

std::string timingTable(const std::vector<PassReport> &reports) {
  std::string out;
  for (const PassReport &report : reports)
    out += fmt::format("{:>9.2f} ms  {}\n", report.milliseconds, report.pass);
  return out;
}

// Whether all values have their place in memory, which a list of passes may have left out.
Expected<void> checkPlanned(const Function &function) {
  auto isPlanned = [](const Value &value) { return value.storage.has_value(); };
  bool planned = true;
  for (const auto &argument : function.body.arguments())
    planned &= isPlanned(*argument);
  for (const auto &op : function.body.ops())
    for (unsigned i = 0; i < op->numResults(); ++i)
      planned &= op->parameter || isPlanned(*op->result(i));
  if (!planned)
    return error("code generation needs memory planning", "--passes",
                 "end the list in plan-memory");
  return {};
}

// Whether code for the target may run on this machine, as far as its kind goes.
bool runsHere(const native::NativeTarget &target) {
  auto host = native::resolveTarget("native", "baseline");
  return host && host->triple == target.triple;
}

Expected<void> checkTuning(const CompileOptions &o, const native::NativeTarget &target) {
  if (o.tune.empty())
    return {};
  if (o.exact)
    return error("--exact leaves nothing to choose", "--tune", "leave out one of the two");
  if (!runsHere(target))
    return error(fmt::format("code for {} cannot be measured on this machine", target.str()),
                 "--tune", "compile on such a machine, or leave it out");
  return {};
}

Expected<void> emitNative(const Module &module, const CompileOptions &o,
                          const native::NativeTarget &target, native::ObjectCache *cache,
                          Progress &progress, CompileSummary &summary) {
  if (!o.passes.empty())
    EDGECC_CHECK(checkPlanned(module.main()));
  EDGECC_CHECK(checkTuning(o, target));
  native::CodegenOptions codegen;
  codegen.threads = compileThreads(o);
  bool object = o.emit == Emit::Object || o.emit == Emit::Library;
  if (object)
    codegen.symbol = o.symbol.empty() ? symbolFromPath(o.output) : o.symbol;
  codegen.cache = cache;
  if (o.exact)
    codegen.algorithms = native::Algorithms::exact();
  if (!o.tune.empty()) {
    EDGECC_TRY(tuned, tune(module, target, codegen, o.tune, progress));
    codegen.algorithms = std::move(tuned.algorithms);
    summary.tuning =
        fmt::format("{} convolutions tuned, {} of them measured now", tuned.layers, tuned.measured);
  }
  if (o.emit == Emit::Assembly || o.emit == Emit::Llvm) {
    EDGECC_TRY(text, o.emit == Emit::Assembly ? native::emitAssembly(module.main(), target, codegen)
                                              : native::emitLlvmIr(module.main(), target, codegen));
    return writeText(o.output, text);
  }
  const size_t before = cache ? cache->hits() : 0;
  EDGECC_TRY(code, native::generateCode(module.main(), target, codegen));
  summary.cachedKernels = cache ? cache->hits() - before : 0;
  summary.layers = code.layers.size();
  summary.kernels = code.kernelCount;
  for (const auto &parameter : module.parameters())
    summary.parameterBytes += static_cast<int64_t>(parameter->content.bytes());
  summary.weightsBytes = static_cast<int64_t>(code.weights.size());
  summary.arenaBytes = code.arenaBytes;
  summary.scratchBytes = code.scratchBytesPerThread;
  for (const native::LayerInfo &layer : code.layers)
    summary.macs += layer.macs;
  return object
             ? writeObjectArtifact(o.output, module, code, codegen.symbol, o.emit == Emit::Library)
             : writeBlobArtifact(o.output, module, code);
}

// A CPU or a device; `model` is what passes may know of it.
struct Target {
  std::optional<native::NativeTarget> cpu;
  std::optional<emulator::DeviceT> device;
  std::unique_ptr<TargetModel> model;
};

Expected<Target> resolveTarget(const CompileOptions &o) {
  Target target;
  if (isDeviceTarget(o.target)) {
    if (o.part) {
      target.device = *o.part;
    } else {
      EDGECC_TRY(device, device::loadDevice(o.target));
      target.device = std::move(device);
    }
    EDGECC_CHECK(checkDeviceOptions(o, *target.device));
    target.model = device::makeTargetModel(*target.device);
    return target;
  }
  EDGECC_TRY(cpu, native::resolveTarget(o.target, o.cpu));
  target.model = std::make_unique<NativeTargetModel>(cpu, o.exact);
  target.cpu = std::move(cpu);
  return target;
}

bool isQuantized(const Module &module) {
  bool found = false;
  for (const auto &function : module.functions())
    walk(function->body, [&](const Op &op) { found |= op.kind() == OpKind::DequantizeLinear; });
  return found;
}

// The precision that the device computes in, and the forms that it runs.
Expected<void> suitDevice(CompressOptions &compress, const Target &target, const Module &module,
                          CompileSummary &summary) {
  if (!target.device)
    return {};
  CompressionRecipe &recipe = compress.recipe;
  recipe.splitDilation = hasNoDilation(*target.device);
  if (!computesInIntegers(*target.device)) {
    recipe.machine = Machine::HalfDevice;
    recipe.watchHalf = true;
    if (recipe.quantize == "fp16")
      recipe.quantize.clear(); // as it is
    if (!recipe.quantize.empty())
      return error(fmt::format("{} computes in {} alone", target.device->name,
                               target.device->scheduled->native_type),
                   "--quantize", "leave it out");
    return {};
  }
  recipe.machine = Machine::IntegerDevice;
  recipe.onlyIfFaster = false; // its engines have nothing else
  if (!recipe.quantize.empty() && recipe.quantize != "int8" && recipe.quantize != "int16" &&
      recipe.quantize != "int4" && recipe.quantize != "auto")
    return error(fmt::format("{} computes in integers", target.device->name), "--quantize",
                 "int8 (the default), int16, int4 or auto");
  if (recipe.quantize.empty() && !isQuantized(module))
    recipe.quantize = "int8";
  bool hasData = !compress.calibrate.empty() || compress.data || !recipe.loadCalibration.empty();
  if (!recipe.quantize.empty() && recipe.needsData() && !hasData) {
    recipe.assumeRanges = true;
    summary.warnings.push_back(
        "quantised for assumed ranges: what the program costs is right, what it computes is not; "
        "--calibrate DIR gives typical inputs");
  }
  return {};
}

} // namespace

Expected<CompileSummary> compileModel(const CompileOptions &o) {
  auto start = std::chrono::steady_clock::now();
  Progress progress(!o.quiet);
  CompileSummary summary;
  EDGECC_CHECK(checkOutput(o));
  EDGECC_TRY(target, resolveTarget(o));
  summary.target = target.model->name();
  Registry registry;
  EDGECC_CHECK(registerPasses(registry, o));
  std::shared_ptr<native::ObjectCache> cache;
  if (!o.cache.empty()) {
    EDGECC_TRY(opened, native::ObjectCache::open(o.cache));
    cache = std::move(opened);
  }

  progress.step("reading " + o.input.string());
  LoadOptions load;
  load.shapes = o.shapes;
  load.shapesFrom = o.shapesFrom;
  load.freeze = o.freeze;
  EDGECC_TRY(module, loadModule(o.input, load));
  bool isNative = o.emit != Emit::Onnx && o.emit != Emit::Ir;
  if (isNative)
    EDGECC_CHECK(checkLegal(*module, *target.model));

  ReferenceExecutor folder;
  PassManagerOptions passOptions;
  passOptions.executor = &folder;
  passOptions.target = target.model.get();
  followPasses(passOptions, o, progress);
  Passes passes(o, registry, passOptions);
  EDGECC_CHECK(passes.compileImageInputs(*module));

  CompressOptions compress = o.compress;
  EDGECC_CHECK(suitDevice(compress, target, *module, summary));
  const CompressionRecipe &recipe = compress.recipe;
  CompressionInputs inputs;
  std::optional<Compressed> compressed;
  if (!o.passes.empty()) {
    EDGECC_TRY(named, registry.parse(o.passes));
    EDGECC_CHECK(passes.run(*module, named));
  } else if (recipe.compresses()) {
    EDGECC_TRY(opened, openInputs(compress, module->main()));
    inputs = std::move(opened);
    // Exact, so that what is learnt from samples does not depend on the machine that compiles.
    NativeExecutor executor({.threads = compileThreads(o),
                             .compileThreads = compileThreads(o),
                             .exact = true,
                             .cache = cache});
    PassManagerOptions compressing = passOptions;
    compressing.executor = &executor;
    EDGECC_TRY(result,
               compressModel(std::move(module), compress, inputs, registry, compressing, progress));
    compressed = std::move(result);
    if (!recipe.loadCalibration.empty() && recipe.rounding.empty() && inputs.learning &&
        (recipe.quantize == "int8" || recipe.quantize == "int4"))
      summary.warnings.push_back("weights are rounded to nearest, as ranges are loaded; --rounding "
                                 "adaround learns from the samples");
    module = std::move(compressed->module);
    passes.add(std::move(compressed->reports));
    passOptions.compression = &compressed->state; // lowering has notes for it, too
    summary.score = compressed->score;
    summary.warnings.insert(summary.warnings.end(), inputs.warnings.begin(), inputs.warnings.end());
    summary.warnings.insert(summary.warnings.end(), executor.warnings().begin(),
                            executor.warnings().end());
  } else if (o.emit != Emit::Ir) { // text IR is written as imported
    EDGECC_CHECK(passes.run(*module, buildPipeline(registry, recipe).portable));
  }

  bool isDeviceProgram = target.device && isNative;
  Compression narrowing; // of a model that nothing has compressed, to a device's f16
  NativeExecutor native({.threads = compileThreads(o),
                         .compileThreads = compileThreads(o),
                         .exact = true,
                         .cache = cache});
  if (recipe.machine == Machine::HalfDevice && isNative && o.passes.empty()) {
    passOptions.executor = &native;
    if (!compressed) {
      EDGECC_TRY(opened, openInputs(compress, module->main()));
      inputs = std::move(opened);
      narrowing.data = inputs.learning.get();
      passOptions.compression = &narrowing;
      summary.warnings.insert(summary.warnings.end(), inputs.warnings.begin(),
                              inputs.warnings.end());
    }
  }
  std::unique_ptr<Module> portable =
      o.compress.wantsReport() && !isDeviceProgram ? clone(*module) : nullptr;
  progress.step("generating code");
  if (o.emit == Emit::Ir) {
    EDGECC_CHECK(writeText(o.output, print(*module)));
  } else if (o.emit == Emit::Onnx) {
    EDGECC_CHECK(exportOnnxFile(*module, o.output));
  } else {
    if (o.passes.empty())
      EDGECC_CHECK(passes.run(*module, buildPipeline(registry, recipe).lowering));
    summary.warnings.insert(summary.warnings.end(), native.warnings().begin(),
                            native.warnings().end());
    EDGECC_CHECK(target.device
                     ? emitDevice(*module, o, *target.device, summary)
                     : emitNative(*module, o, *target.cpu, cache.get(), progress, summary));
  }
  if (compressed)
    std::move(compressed->state.notes.begin(), compressed->state.notes.end(),
              std::back_inserter(summary.notes));
  std::ranges::move(narrowing.notes, std::back_inserter(summary.notes));
  if (auto count = leavingHalf(passes.reports()); count > 0)
    summary.warnings.push_back(
        fmt::format("{} value{} may leave the range of f16, in which {} computes; the notes name "
                    "{}, and --calibrate DIR keeps what has to be in f32",
                    count, count == 1 ? "" : "s", summary.target, count == 1 ? "it" : "them"));
  summary.passes = describe(passes.reports());
  summary.timings = timingTable(passes.reports());

  std::error_code ignored;
  if (std::filesystem::is_regular_file(o.output, ignored))
    summary.codeAndWeightsBytes =
        static_cast<int64_t>(std::filesystem::file_size(o.output, ignored));
  if (portable)
    EDGECC_CHECK(writeReports(o,
                              {.portable = portable.get(),
                               .compressed = compressed ? &*compressed : nullptr,
                               .inputs = compressed ? &inputs : nullptr,
                               .runsHere = target.cpu && runsHere(*target.cpu)},
                              summary, progress));
  if (isDeviceProgram)
    EDGECC_CHECK(writeDeviceReports(o, *module, *target.device, summary, progress));
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return summary;
}

} // namespace edgecc::driver
