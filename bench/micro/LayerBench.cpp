// edgecc-layer-bench: every convolution and matrix product of models, measured in the compiled
// model and as the cost model predicts it before the model is lowered. One thread.
// Usage: edgecc-layer-bench [--cpu LEVEL] [--summary] MODEL.onnx...
#include "backends/reference/ReferenceExecutor.h"
#include "bench/micro/Peak.h"
#include "driver/Load.h"
#include "driver/NativeModel.h"
#include "driver/NativeTargetModel.h"
#include "ir/OpDef.h"
#include "passes/PassManager.h"
#include "passes/Pipeline.h"

#include <cmath>
#include <cstring>
#include <fmt/format.h>
#include <map>

namespace edgecc::bench {
namespace {

struct Prediction {
  std::string what; // dims of the weights and the result
  double ns;
  bool bytes;
};

bool isLayer(const Op &op) {
  return op.kind() == OpKind::Conv || op.kind() == OpKind::ConvTranspose ||
         op.kind() == OpKind::Gemm || op.kind() == OpKind::MatMul;
}

std::string shapeOf(const Op &op) {
  std::string out(op.name());
  for (const Value *value : {op.operand(0), op.operand(1)}) {
    out += ' ';
    for (size_t i = 0; i < value->dims().size(); ++i)
      out += (i ? "x" : "") + std::to_string(value->dims()[i]);
  }
  if (op.kind() == OpKind::Conv && op.integer("group") > 1)
    out += " g" + std::to_string(op.integer("group"));
  return out;
}

// By ONNX node. Of several nodes that an op stands for, the first.
Expected<std::map<std::string, Prediction>> predict(const Module &module,
                                                    const driver::NativeTargetModel &target) {
  ReferenceExecutor executor;
  Registry registry;
  registerBuiltinPasses(registry);
  PassManagerOptions options;
  options.executor = &executor;
  options.target = &target;
  std::unique_ptr<Module> copy = clone(module);
  EDGECC_CHECK(runPasses(*copy, buildPipeline(registry, {}).portable, options));
  std::map<std::string, Prediction> out;
  walk(copy->main().body, [&](const Op &op) {
    if (!isLayer(op))
      return;
    const Op *source = op.operand(0)->definingOp();
    bool bytes = source && source->kind() == OpKind::DequantizeLinear;
    std::string node = op.location.substr(0, op.location.find(','));
    out[node] = {shapeOf(op), target.cost(op), bytes};
  });
  return out;
}

struct Mean { // geometric
  double logarithms = 0, errors = 0, predicted = 0, measured = 0;
  int count = 0;
  void add(double predictedNs, double measuredNs) {
    double ratio = std::log(predictedNs / measuredNs);
    logarithms += ratio;
    errors += std::abs(ratio);
    predicted += predictedNs;
    measured += measuredNs;
    ++count;
  }
  void print(const char *what) const {
    if (count)
      fmt::print(
          "{:<5} {:>4} layers: predicted/measured {:.2f}, typical error {:.0f} %, sums {:.2f}\n",
          what, count, std::exp(logarithms / count), 100 * (std::exp(errors / count) - 1),
          predicted / measured);
  }
};

Expected<void> measure(const std::string &path, const std::string &cpu, bool summary, Mean &floats,
                       Mean &bytes, double peakFloat, double peakByte) {
  EDGECC_TRY(target, native::resolveTarget("native", cpu));
  driver::NativeTargetModel model(target);
  driver::LoadOptions load;
  std::filesystem::path data = std::filesystem::path(path).parent_path() / "test_data_set_0";
  if (std::filesystem::exists(data))
    load.shapesFrom = data;
  EDGECC_TRY(module, driver::loadModule(path, load));
  EDGECC_TRY(predictions, predict(*module, model));
  driver::NativeOptions options;
  options.cpu = cpu;
  EDGECC_TRY(blobBytes, driver::compileToBlob(std::move(module), options));
  EDGECC_TRY(blob, driver::LoadedBlob::load(std::move(blobBytes), 1));
  std::vector<Tensor> inputs;
  for (uint32_t i = 0; i < blob.numInputs(); ++i)
    inputs.emplace_back(blob.inputType(i).dtype, blob.inputType(i).dims);
  EDGECC_CHECK(blob.setInputs(inputs));
  edgecc_context_profile(blob.context(), 1);
  for (int i = 0; i < 30; ++i)
    EDGECC_CHECK(blob.run());
  if (!summary)
    fmt::print("{}\n{:>10} {:>10} {:>6} {:>6}  layer\n", path, "measured", "predicted", "ratio",
               "peak");
  for (uint32_t i = 0; i < edgecc_model_layer_count(blob.model()); ++i) {
    edgecc_layer_info info{};
    edgecc_model_layer(blob.model(), i, &info, sizeof info);
    edgecc_layer_profile time{};
    edgecc_context_layer_profile(blob.context(), i, &time, sizeof time);
    for (uint32_t n = 0; n < info.node_count; ++n) {
      auto it = predictions.find(edgecc_model_layer_node(blob.model(), i, n));
      if (it == predictions.end())
        continue;
      const Prediction &prediction = it->second;
      auto measured = static_cast<double>(time.min_ns);
      double peak = prediction.bytes ? peakByte : peakFloat;
      if (!summary)
        fmt::print("{:>7.1f} us {:>7.1f} us {:>6.2f} {:>4.0f} %  {} {}\n", measured / 1e3,
                   prediction.ns / 1e3, prediction.ns / measured,
                   200e9 * static_cast<double>(info.macs) / measured / peak,
                   prediction.bytes ? "i8 " : "f32", prediction.what);
      (prediction.bytes ? bytes : floats).add(prediction.ns, measured);
      break;
    }
  }
  return {};
}

int run(int argc, char **argv) {
  std::string cpu = "host";
  bool summary = false;
  std::vector<std::string> models;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--cpu" && i + 1 < argc)
      cpu = argv[++i];
    else if (argument == "--summary")
      summary = true;
    else
      models.push_back(argument);
  }
  auto target = native::resolveTarget("native", cpu);
  if (!target || models.empty()) {
    fmt::print(stderr, "{}\n",
               target ? "usage: edgecc-layer-bench [--cpu LEVEL] [--summary] MODEL.onnx..."
                      : str(target.error()));
    return 2;
  }
  double peakFloat = peakFlops(*target), peakByte = std::max(peakDot8(*target), peakFloat);
  fmt::print("{}: peak {:.1f} GFLOP/s, {:.1f} GOP/s of 8 bits\n", target->str(), peakFloat * 1e-9,
             peakByte * 1e-9);
  Mean floats, bytes;
  for (const std::string &path : models)
    if (auto done = measure(path, cpu, summary, floats, bytes, peakFloat, peakByte); !done)
      fmt::print(stderr, "{}: {}\n", path, str(done.error()));
  floats.print("f32");
  bytes.print("int8");
  return 0;
}

} // namespace
} // namespace edgecc::bench

int main(int argc, char **argv) { return edgecc::bench::run(argc, argv); }
