#include "driver/report/CompileReport.h"

#include "driver/CalibrationData.h"
#include "driver/NativeExecutor.h"
#include "driver/report/ReportHtml.h"
#include "driver/report/ReportJson.h"
#include "frontend/io/MappedFile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::driver {

namespace {

// The options that shaped the result, as they were given.
std::vector<std::pair<std::string, std::string>> settingsOf(const CompileOptions &o,
                                                            const Compressed *compressed) {
  const CompressionRecipe &recipe = compressed ? compressed->recipe : o.compress.recipe;
  std::vector<std::pair<std::string, std::string>> settings;
  auto add = [&](const char *option, const std::string &value) {
    if (!value.empty())
      settings.emplace_back(option, value);
  };
  add("quantize", recipe.quantize);
  add("prune", recipe.prune);
  add("sparsify", recipe.sparsify > 0 ? fmt::format("{:g}", recipe.sparsify) : "");
  add("rewrite", fmt::format("{}", fmt::join(recipe.rewrites, ", ")));
  add("ranges", recipe.ranges);
  add("rounding", recipe.rounding);
  add("per-tensor", recipe.perTensorWeights ? "yes" : "");
  add("no-equalize", recipe.equalize ? "" : "yes");
  add("no-bias-correction", recipe.correctBias ? "" : "yes");
  add("quantize-all", recipe.onlyIfFaster ? "" : "yes");
  add("max-loss",
      o.compress.recipe.maxLoss >= 0 ? fmt::format("{:g}", o.compress.recipe.maxLoss) : "");
  add("max-size", recipe.maxSize < 1 ? fmt::format("{:g}", recipe.maxSize) : "");
  add("max-time", recipe.maxTime < 1 ? fmt::format("{:g}", recipe.maxTime) : "");
  add("calibrate", o.compress.calibrate);
  return settings;
}

std::string whyUntimed(const CompileOptions &o, const ReportRequest &request) {
  if (o.emit == Emit::Onnx || o.emit == Emit::Ir)
    return "nothing was compiled";
  if (!o.passes.empty())
    return "--passes replaced the passes that a compile for measuring would run";
  return request.runsHere ? "" : "the code is for another kind of machine";
}

Expected<void> write(const std::filesystem::path &path, const std::string &text) {
  return path.empty() ? Expected<void>() : writeFile(path, std::as_bytes(std::span(text)));
}

} // namespace

Expected<void> writeReports(const CompileOptions &o, const ReportRequest &request,
                            CompileSummary &summary, Progress &progress) {
  progress.step("measuring for the report");
  Report report;
  report.input = o.input.string();
  report.output = o.output.string();
  report.target = summary.target;
  report.settings = settingsOf(o, request.compressed);
  report.writtenBytes = summary.codeAndWeightsBytes;
  report.score = summary.score;

  NativeExecutor executor;
  ReportSubject subject;
  subject.result = request.portable;
  subject.executor = &executor;
  subject.cpu = o.cpu;
  subject.untimed = whyUntimed(o, request);
  subject.perTensorWeights = o.compress.recipe.perTensorWeights;
  subject.notes = &summary.notes;
  if (request.compressed) {
    const Compression &state = request.compressed->state;
    subject.original = state.original.get();
    subject.cutsRanges = needsHistogram(state.calibration.method);
  }
  std::unique_ptr<DataSource> noise;
  if (request.inputs)
    subject.data = request.inputs->judging.get();
  if (!subject.data) {
    auto random = CalibrationData::open("random:4", request.portable->main(), {});
    if (random) {
      noise = std::move(*random);
      subject.data = noise.get();
      if (subject.original)
        report.warnings.emplace_back("Signal-to-noise ratios are of random inputs: no samples "
                                     "were given (--calibrate).");
    }
  }
  EDGECC_CHECK(collectReport(report, subject, [&](size_t done, size_t total) {
    progress.advance("measuring each layer", done, total);
  }));
  report.warnings.insert(report.warnings.end(), summary.warnings.begin(), summary.warnings.end());
  report.warnings.insert(report.warnings.end(), executor.warnings().begin(),
                         executor.warnings().end());
  EDGECC_CHECK(write(o.compress.reportJson, reportAsJson(report)));
  if (!o.compress.reportHtml.empty())
    EDGECC_CHECK(write(o.compress.reportHtml, reportAsHtml(report)));
  return {};
}

} // namespace edgecc::driver
