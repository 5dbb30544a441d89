#include "bench/micro/LayerTable.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace edgecc::bench {

namespace {

using Kind = Layer::Kind;

// Numbers from 0 to 1 (or small integers), the same each time: zeros might be faster.
Tensor someInput(const Type &type) {
  Tensor tensor(type.dtype, type.dims);
  bool real = isFloat(type.dtype);
  for (int64_t i = 0; i < tensor.elements(); ++i)
    tensor.setDouble(i, real ? static_cast<double>(i % 251) / 250 : static_cast<double>(i % 2));
  return tensor;
}

Expected<void> runFor(driver::LoadedBlob &blob, double seconds) {
  using Clock = std::chrono::steady_clock;
  auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (int i = 0; i < 5 || Clock::now() < end; ++i)
    EDGECC_CHECK(blob.run());
  return {};
}

double limitOf(const LayerCost &cost, const edgecc_layer_info &info, const Machine &machine) {
  if (cost.isVectorMatrix)
    return 1e9 * static_cast<double>(info.bytes) / machine.bandwidth;
  double rate = cost.isBytes                       ? machine.byteOps
                : cost.isBF16 && !cost.isDepthwise ? machine.bf16Ops
                                                   : machine.floatOps;
  return 2e9 * static_cast<double>(info.macs) / rate;
}

Kind kindOf(const LayerCost &cost) {
  if (cost.isVectorMatrix)
    return Kind::Product;
  return cost.isDepthwise ? Kind::Depthwise : Kind::Convolution;
}

struct Sum {
  double ns = 0, limitNs = 0;
  void add(const Layer &layer) {
    ns += layer.ns;
    limitNs += layer.limitNs;
  }
};

} // namespace

Expected<std::vector<Layer>> measureLayers(driver::LoadedBlob &blob,
                                           const std::map<std::string, LayerCost> &costs,
                                           const Machine &machine, double seconds) {
  std::vector<Tensor> inputs;
  for (uint32_t i = 0; i < blob.numInputs(); ++i)
    inputs.push_back(someInput(blob.inputType(i)));
  EDGECC_CHECK(blob.setInputs(inputs));
  EDGECC_CHECK(blob.run());
  edgecc_context_profile(blob.context(), 1);
  EDGECC_CHECK(runFor(blob, seconds));
  std::vector<Layer> layers;
  for (uint32_t i = 0; i < edgecc_model_layer_count(blob.model()); ++i) {
    edgecc_layer_info info{};
    edgecc_model_layer(blob.model(), i, &info, sizeof info);
    edgecc_layer_profile time{};
    edgecc_context_layer_profile(blob.context(), i, &time, sizeof time);
    Layer layer{.what = info.op,
                .ns = static_cast<double>(time.min_ns),
                .limitNs = 0,
                .predictedNs = 0,
                .kind = Kind::Other,
                .isBytes = false};
    for (uint32_t n = 0; n < info.node_count; ++n)
      if (auto it = costs.find(edgecc_model_layer_node(blob.model(), i, n)); it != costs.end()) {
        layer.what = it->second.what + "  " + layer.what.substr(0, layer.what.find(' '));
        layer.limitNs = limitOf(it->second, info, machine);
        layer.predictedNs = it->second.predictedNs;
        layer.kind = kindOf(it->second);
        layer.isBytes = it->second.isBytes;
        break;
      }
    layers.push_back(std::move(layer));
  }
  return layers;
}

void printLayers(const std::vector<Layer> &layers) {
  Sum all, kinds[4];
  for (const Layer &layer : layers) {
    all.add(layer);
    kinds[static_cast<size_t>(layer.kind)].add(layer);
  }
  auto share = [&](double ns) { return 100 * ns / all.ns; };
  fmt::print("{:>10} {:>6} {:>7} {:>10} {:>6}  layer\n", "measured", "share", "limit", "predicted",
             "ratio");
  for (const Layer &layer : layers) {
    std::string limit, predicted, ratio;
    if (layer.kind != Kind::Other) {
      limit = fmt::format("{:.0f} %", 100 * layer.limitNs / layer.ns);
      predicted = fmt::format("{:.1f} us", layer.predictedNs / 1e3);
      ratio = fmt::format("{:.2f}", layer.predictedNs / layer.ns);
    }
    fmt::print("{:>7.1f} us {:>4.1f} % {:>7} {:>10} {:>6}  {}{}\n", layer.ns / 1e3, share(layer.ns),
               limit, predicted, ratio, layer.isBytes ? "i8 " : "", layer.what);
  }
  fmt::print("sum of layers {:.3f} ms\n", all.ns / 1e6);
  constexpr const char *kNames[] = {"convolutions and matrix products", "depthwise convolutions",
                                    "products of vectors and weights (limit: memory)",
                                    "everything else"};
  for (size_t i = 0; i < 4; ++i)
    if (kinds[i].ns > 0)
      fmt::print("{}: {:.1f} % of the time{}\n", kNames[i], share(kinds[i].ns),
                 kinds[i].limitNs > 0 ? fmt::format(", at {:.0f} % of the limit",
                                                    100 * kinds[i].limitNs / kinds[i].ns)
                                      : "");
  for (const Layer &layer : layers)
    if ((layer.kind == Kind::Convolution || layer.kind == Kind::Depthwise) &&
        layer.ns > 0.02 * all.ns && layer.limitNs < 0.7 * layer.ns)
      fmt::print("below 70 % of the limit: {} ({:.1f} % of the time, at {:.0f} %)\n", layer.what,
                 share(layer.ns), 100 * layer.limitNs / layer.ns);
}

} // namespace edgecc::bench
