#include "backends/device/scheduled/FusePools.h"

#include "backends/device/scheduled/Engines.h"
#include "backends/device/scheduled/Tiling.h"

#include <algorithm>

namespace edgecc::device::scheduled {

using emulator::ContractionT;
using emulator::PoolT;

namespace {

template <class List> bool allAre(const List &list, int64_t value) {
  return std::ranges::all_of(list, [&](auto each) { return static_cast<int64_t>(each) == value; });
}

// A maximum over square windows, all of them inside.
bool isPlain(const PoolT &pool) {
  return pool.kind == emulator::PoolKind::Max && pool.kernel.size() == 2 &&
         allAre(pool.kernel, pool.kernel[0]) && allAre(pool.strides, pool.strides[0]) &&
         allAre(pool.dilations, 1) && allAre(pool.pads_low, 0) && allAre(pool.pads_high, 0) &&
         allAre(pool.ceil_high, 0);
}

bool isAllowed(const emulator::ConvolutionLimitsT &limits, const ContractionT &conv,
               const Dims &weights, const PoolT &pool) {
  return std::ranges::any_of(limits.pools, [&](const auto &rule) {
    return weights[2] == rule->kernel && weights[3] == rule->kernel &&
           allAre(conv.strides, rule->stride) && allAre(conv.dilations, 1) &&
           allAre(conv.pads_low, rule->pad) && allAre(conv.pads_high, rule->pad) &&
           pool.kernel[0] == rule->pool_kernel && pool.strides[0] == rule->pool_stride;
  });
}

// Sums over all input channels in one instruction: partial ones cannot be pooled. Judged for a
// half of the local memory with nothing in place.
bool hasTiling(const Task &conv, const Dims &pooled, const PoolT &pool,
               const StreamMachine &machine) {
  const ContractionT &kernel = *conv.kernel.AsContraction();
  const Dims &x = conv.inputDims[0], &w = conv.inputDims[1];
  ConvGeometry g;
  g.channels = x[1], g.outputs = w[0];
  g.h = x[2], g.w = x[3], g.oh = pooled[2], g.ow = pooled[3];
  g.kh = w[2], g.kw = w[3];
  int64_t stride = kernel.strides[0], more = (pool.kernel[0] - 1) * stride;
  g.reachH = w[2] + more, g.reachW = w[3] + more;
  g.strideH = g.strideW = stride * pool.strides[0];
  g.positions = int64_t{pool.strides[0]} * pool.strides[0];
  g.xBytes = bitWidth(conv.inputs[0]->type.dtype) / 8;
  g.wBytes = bitWidth(conv.inputs[1]->type.dtype) / 8;
  g.outBytes = bitWidth(conv.output()->type.dtype) / 8;
  TileRoom room{.loadsInput = true,
                .loadsWeights = true,
                .storesOutput = true,
                .bytes = machine.local < 0 ? ~uint64_t{0} : machine.localBytes / 2};
  auto tiling = searchTiling(g, room, machine);
  return tiling && tiling->channels == g.channels;
}

bool mayFollow(const Task &conv, const Task &pooling, const StreamMachine &machine) {
  const ContractionT *kernel = conv.kernel.AsContraction();
  const PoolT &pool = *pooling.kernel.AsPool();
  const auto &engine = machine.engine(machine.convolution);
  if (!kernel || kernel->product || kernel->groups != 1 || kernel->pool_kernel > 0 ||
      conv.inputDims[0].size() != 4 || !pooling.stages.empty() || !isPlain(pool) ||
      !engine.limits || !isAllowed(*engine.limits, *kernel, conv.inputDims[1], pool) ||
      !conv.output()->hasOneUse() ||
      std::ranges::any_of(conv.stages, [](const auto &stage) { return !stage->operands.empty(); }))
    return false;
  auto choice = chooseEngine(conv, machine);
  return choice && choice->runner == Runner::Convolution &&
         choice->engineStages == conv.stages.size() &&
         hasTiling(conv, pooling.output()->dims(), pool, machine);
}

} // namespace

void fusePools(Tasks &tasks, const StreamMachine &machine) {
  if (machine.convolution < 0)
    return;
  std::map<const Value *, size_t> producer;
  std::vector<Task> kept;
  for (Task &task : tasks.list) {
    auto conv = task.kernel.AsPool() ? producer.find(task.inputs[0]) : producer.end();
    if (conv != producer.end() && mayFollow(kept[conv->second], task, machine)) {
      Task &fused = kept[conv->second];
      ContractionT &kernel = *fused.kernel.AsContraction();
      kernel.pool_kernel = task.kernel.AsPool()->kernel[0];
      kernel.pool_stride = task.kernel.AsPool()->strides[0];
      fused.outputs = task.outputs;
      fused.ops.insert(fused.ops.end(), task.ops.begin(), task.ops.end());
      producer[fused.output()] = conv->second;
      continue;
    }
    for (const Value *output : task.outputs)
      producer[output] = kept.size();
    kept.push_back(std::move(task));
  }
  tasks.list = std::move(kept);
}

} // namespace edgecc::device::scheduled
