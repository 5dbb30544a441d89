#include "driver/CompileModel.h"

#include "backends/reference/ReferenceExecutor.h"
#include "driver/Artifact.h"
#include "driver/Console.h"
#include "driver/Load.h"
#include "driver/NativeTargetModel.h"
#include "frontend/io/MappedFile.h"
#include "frontend/onnx/Exporter.h"
#include "ir/Text.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"
#include "passes/Plugin.h"

#include <algorithm>
#include <fmt/format.h>
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

Expected<std::vector<PassReport>> runPipeline(Module &module, const CompileOptions &o,
                                              const TargetModel &target, Progress &progress) {
  Registry registry;
  registerBuiltinPasses(registry);
  for (const std::string &plugin : o.plugins)
    EDGECC_CHECK(loadPlugin(plugin, registry));
  Pipeline pipeline = buildPipeline(registry);
  PassList passes; // text IR is written as imported, but for what the options ask for
  if (o.emit != Emit::Ir)
    passes = o.emit == Emit::Onnx ? pipeline.portable : pipeline.all();
  if (!o.passes.empty()) {
    EDGECC_TRY(named, registry.parse(o.passes));
    passes = std::move(named);
  }
  for (const std::string &input : o.imageInputs) {
    EDGECC_TRY(named, registry.parse("image-input{" + input + "}"));
    passes.insert(passes.begin(), named.begin(), named.end());
  }
  for (const std::string &name : o.printAfter)
    if (name != "all" && !registry.find(name))
      return error("there is no pass '" + name + "'", "--print-after",
                   "edgecc opt --list-passes lists them");
  ReferenceExecutor executor;
  PassManagerOptions options;
  options.executor = &executor;
  options.target = &target;
  options.verifyEach = o.verifyEach;
  options.after = [&](const PassInfo &pass, const Module &after) {
    progress.step(pass.name);
    for (const std::string &name : o.printAfter)
      if (name == "all" || name == pass.name) {
        fmt::print("// after {}\n{}\n", pass.name, print(after, {.elideAbove = 64}));
        break;
      }
  };
  return runPasses(module, passes, options);
}

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

Expected<void> emitNative(const Module &module, const CompileOptions &o,
                          const native::NativeTarget &target, CompileSummary &summary) {
  if (!o.passes.empty())
    EDGECC_CHECK(checkPlanned(module.main()));
  native::CodegenOptions codegen;
  codegen.threads = compileThreads(o);
  bool object = o.emit == Emit::Object || o.emit == Emit::Library;
  if (object)
    codegen.symbol = o.symbol.empty() ? symbolFromPath(o.output) : o.symbol;
  if (o.emit == Emit::Assembly || o.emit == Emit::Llvm) {
    EDGECC_TRY(text, o.emit == Emit::Assembly ? native::emitAssembly(module.main(), target, codegen)
                                              : native::emitLlvmIr(module.main(), target, codegen));
    return writeText(o.output, text);
  }
  EDGECC_TRY(code, native::generateCode(module.main(), target, codegen));
  summary.layers = code.layers.size();
  summary.kernels = code.kernelCount;
  summary.weightsBytes = static_cast<int64_t>(code.weights.size());
  summary.arenaBytes = code.arenaBytes;
  summary.scratchBytes = code.scratchBytesPerThread;
  for (const native::LayerInfo &layer : code.layers)
    summary.macs += layer.macs;
  return object
             ? writeObjectArtifact(o.output, module, code, codegen.symbol, o.emit == Emit::Library)
             : writeBlobArtifact(o.output, module, code);
}

} // namespace

Expected<CompileSummary> compileModel(const CompileOptions &o) {
  auto start = std::chrono::steady_clock::now();
  Progress progress(!o.quiet);
  CompileSummary summary;
  EDGECC_CHECK(checkOutput(o));
  EDGECC_TRY(target, native::resolveTarget(o.target, o.cpu));
  summary.target = target.str();
  NativeTargetModel targetModel(target);

  progress.step("reading " + o.input.string());
  LoadOptions load;
  load.shapes = o.shapes;
  load.shapesFrom = o.shapesFrom;
  load.freeze = o.freeze;
  EDGECC_TRY(module, loadModule(o.input, load));

  if (o.emit != Emit::Ir || !o.passes.empty() || !o.imageInputs.empty()) {
    if (o.emit != Emit::Onnx && o.emit != Emit::Ir)
      EDGECC_CHECK(checkLegal(*module, targetModel));
    EDGECC_TRY(reports, runPipeline(*module, o, targetModel, progress));
    summary.passes = describe(reports);
    summary.timings = timingTable(reports);
  }

  progress.step("generating code");
  if (o.emit == Emit::Ir)
    EDGECC_CHECK(writeText(o.output, print(*module)));
  else if (o.emit == Emit::Onnx)
    EDGECC_CHECK(exportOnnxFile(*module, o.output));
  else
    EDGECC_CHECK(emitNative(*module, o, target, summary));

  std::error_code ignored;
  if (std::filesystem::is_regular_file(o.output, ignored))
    summary.codeAndWeightsBytes =
        static_cast<int64_t>(std::filesystem::file_size(o.output, ignored));
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return summary;
}

} // namespace edgecc::driver
