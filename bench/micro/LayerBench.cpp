// edgecc-layer-bench: every layer of models as compiled, measured on one thread, beside what the
// machine could do and what the cost model predicts before a model is lowered.
// Usage: edgecc-layer-bench [--cpu LEVEL] [--seconds S] [--summary] MODEL.onnx...
#include "bench/micro/LayerTable.h"
#include "bench/micro/Peak.h"
#include "driver/Load.h"

#include <cmath>
#include <fmt/format.h>

namespace edgecc::bench {
namespace {

struct Mean { // geometric
  double logarithms = 0, errors = 0, predicted = 0, measured = 0;
  int count = 0;
  void add(const Layer &layer) {
    double ratio = std::log(layer.predictedNs / layer.ns);
    logarithms += ratio;
    errors += std::abs(ratio);
    predicted += layer.predictedNs;
    measured += layer.ns;
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

struct Options {
  std::string cpu = "host";
  double seconds = 0.5;
  bool summary = false; // only how good the predictions are
  std::vector<std::string> models;
};

Expected<std::vector<Layer>> measure(const std::string &path, const Options &options,
                                     const native::NativeTarget &target, const Machine &machine) {
  driver::NativeTargetModel model(target);
  driver::LoadOptions load;
  std::filesystem::path data = std::filesystem::path(path).parent_path() / "test_data_set_0";
  if (std::filesystem::exists(data))
    load.shapesFrom = data;
  EDGECC_TRY(module, driver::loadModule(path, load));
  EDGECC_TRY(costs, layerCosts(*module, model));
  driver::NativeOptions native;
  native.cpu = options.cpu;
  EDGECC_TRY(blobBytes, driver::compileToBlob(std::move(module), native));
  EDGECC_TRY(blob, driver::LoadedBlob::load(std::move(blobBytes), 1));
  return measureLayers(blob, costs, machine, options.seconds);
}

int run(int argc, char **argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    std::string argument = argv[i];
    if (argument == "--cpu" && i + 1 < argc)
      options.cpu = argv[++i];
    else if (argument == "--seconds" && i + 1 < argc)
      options.seconds = std::atof(argv[++i]);
    else if (argument == "--summary")
      options.summary = true;
    else
      options.models.push_back(argument);
  }
  auto target = native::resolveTarget("native", options.cpu);
  if (!target || options.models.empty()) {
    fmt::print(stderr, "{}\n",
               target ? "usage: edgecc-layer-bench [--cpu LEVEL] [--seconds S] [--summary] "
                        "MODEL.onnx..."
                      : str(target.error()));
    return 2;
  }
  Machine machine{
      .floatOps = peakFlops(*target), .byteOps = 0, .bf16Ops = 0, .bandwidth = readBandwidth()};
  machine.byteOps = std::max(peakDot8(*target), machine.floatOps);
  machine.bf16Ops = std::max(peakPairBF16(*target), machine.floatOps);
  fmt::print(
      "{}: peak {:.1f} GFLOP/s, {:.1f} of bf16, {:.1f} GOP/s of 8 bits, memory {:.1f} GB/s\n",
      target->str(), machine.floatOps * 1e-9, machine.bf16Ops * 1e-9, machine.byteOps * 1e-9,
      machine.bandwidth * 1e-9);
  Mean floats, bytes;
  bool failed = false;
  for (const std::string &path : options.models) {
    auto layers = measure(path, options, *target, machine);
    if (!layers) {
      fmt::print(stderr, "{}: {}\n", path, str(layers.error()));
      failed = true;
      continue;
    }
    if (!options.summary) {
      fmt::print("{}\n", path);
      printLayers(*layers);
    }
    for (const Layer &layer : *layers)
      if (layer.kind != Layer::Kind::Other)
        (layer.isBytes ? bytes : floats).add(layer);
  }
  floats.print("f32");
  bytes.print("int8");
  return failed ? 1 : 0;
}

} // namespace
} // namespace edgecc::bench

int main(int argc, char **argv) { return edgecc::bench::run(argc, argv); }
