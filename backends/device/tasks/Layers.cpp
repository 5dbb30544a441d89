#include "backends/device/tasks/Layers.h"

#include <fmt/format.h>
#include <set>

namespace edgecc::device {

namespace {

// The names of an op's ONNX nodes: fused ops hold several, separated by commas.
void addNodes(const std::string &location, std::vector<std::string> &nodes) {
  for (size_t begin = 0; begin <= location.size();) {
    size_t end = std::min(location.find(',', begin), location.size());
    std::string node = location.substr(begin, end - begin);
    if (!node.empty() && std::find(nodes.begin(), nodes.end(), node) == nodes.end())
      nodes.push_back(std::move(node));
    begin = end + 1;
  }
}

std::string windowOf(const Task &task) {
  const auto *contraction = task.kernel.AsContraction();
  const auto *pool = task.kernel.AsPool();
  if ((!contraction || contraction->product) && !pool)
    return {};
  Dims extents;
  if (contraction)
    extents.assign(task.inputDims[1].begin() + 2, task.inputDims[1].end());
  else
    extents.assign(pool->kernel.begin(), pool->kernel.end());
  std::string text = " ";
  for (size_t i = 0; i < extents.size(); ++i)
    text += fmt::format("{}{}", i ? "x" : "", extents[i]);
  const auto &strides = contraction ? contraction->strides : pool->strides;
  if (!strides.empty() && strides[0] != 1)
    text += fmt::format("/{}", strides[0]);
  if (contraction && contraction->groups > 1)
    text += fmt::format(" in {} groups", contraction->groups);
  return text;
}

} // namespace

std::unique_ptr<emulator::LayerT> layerOf(const Task &task) {
  auto layer = std::make_unique<emulator::LayerT>();
  for (const Op *op : task.ops) {
    addNodes(op->location, layer->nodes);
    layer->op += (layer->op.empty() ? "" : "+") + std::string(op->name());
  }
  layer->op += windowOf(task);
  layer->name = layer->nodes.empty() ? layer->op : layer->nodes.front();
  if (!task.outputs.empty())
    layer->type = name(task.output()->type.dtype);
  if (task.kernel.AsContraction()) {
    layer->type = name(task.inputs[0]->type.dtype);
    std::vector<std::vector<int64_t>> dims(task.inputDims.begin(), task.inputDims.end());
    layer->macs = emulator::workOf(task.kernel, task.stages, dims, task.output()->dims()).macs;
  }
  return layer;
}

} // namespace edgecc::device
