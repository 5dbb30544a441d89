// Convolutions and pooling tile by tile. Tiles of inputs, pieces of weights and tiles of results
// pass through the local memory where the engine does not reach the memory that they are in.
#include "backends/device/scheduled/Emitter.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::device::scheduled {

using emulator::ContractionT;
using emulator::ElementType;
using emulator::PoolT;
using emulator::ViewT;

namespace {

// One spatial axis of a window.
struct Axis {
  int64_t in = 1, out = 1, taps = 1, stride = 1, dilation = 1;
  int64_t padLow = 0, padHigh = 0;
  int64_t poolKernel = 1, poolStride = 1; // of a fused pooling
  // In inputs: of one result, and from one to the next.
  int64_t reach() const { return (taps - 1) * dilation + 1 + (poolKernel - 1) * stride; }
  int64_t step() const { return stride * poolStride; }
};

// The inputs that a range of outputs needs, and the padding that is left of it.
struct AxisTile {
  Range in;
  int64_t padLow = 0, padHigh = 0;
};

AxisTile tileOf(const Axis &axis, Range out) {
  int64_t first = out.begin * axis.step() - axis.padLow;
  int64_t last = (out.begin + out.size - 1) * axis.step() - axis.padLow + axis.reach();
  AxisTile tile;
  tile.padLow = std::max<int64_t>(-first, 0);
  tile.padHigh = std::max<int64_t>(last - axis.in, 0);
  tile.in.begin = std::max<int64_t>(first, 0);
  tile.in.size = std::min(last, axis.in) - tile.in.begin;
  return tile;
}

std::vector<Range> rangesOf(int64_t extent, int64_t size) {
  std::vector<Range> ranges;
  for (int64_t begin = 0; begin < extent; begin += size)
    ranges.push_back({begin, std::min(size, extent - begin)});
  return ranges;
}

} // namespace

// Both spatial axes; a single one is x, with y of extent 1.
struct Emitter::Window {
  Axis y, x;
  int64_t images = 1, channels = 1, outputs = 1, groups = 1;
};

// Where the results of a tile go.
struct Emitter::Target {
  ViewT view; // of the tile
  bool hasTail = false, stores = false;
};

// Tensors of one spatial axis get a second one of extent 1 before it.
ViewT Emitter::spatial(ViewT view) const {
  if (!isLine_ || view.dims.empty())
    return view;
  view.dims.insert(view.dims.end() - 1, 1);
  view.strides.insert(view.strides.end() - 1, 0);
  return view;
}

Emitter::Window Emitter::windowOf() {
  Window window;
  const Dims &in = task().inputDims[0], &out = task().output()->dims();
  isLine_ = in.size() == 3;
  window.images = in[0];
  window.channels = in[1];
  window.outputs = out[1];
  auto fill = [&](const auto &kernel, auto tapsOf) {
    size_t spatial = in.size() - 2;
    for (size_t i = 0; i < spatial; ++i) {
      Axis &axis = i + 1 == spatial ? window.x : window.y;
      axis.in = in[i + 2];
      axis.out = out[i + 2];
      axis.taps = tapsOf(i);
      axis.stride = kernel.strides[i];
      axis.dilation = i < kernel.dilations.size() ? kernel.dilations[i] : 1;
      axis.padLow = kernel.pads_low[i];
      axis.padHigh = kernel.pads_high[i];
    }
  };
  if (const ContractionT *contraction = task().kernel.AsContraction()) {
    window.groups = contraction->groups;
    fill(*contraction, [&](size_t i) { return task().inputDims[1][i + 2]; });
    if (contraction->pool_kernel > 0)
      for (Axis *axis : {&window.y, &window.x}) {
        axis->poolKernel = contraction->pool_kernel;
        axis->poolStride = contraction->pool_stride;
      }
  } else {
    const PoolT *pool = task().kernel.AsPool();
    fill(*pool, [&](size_t i) { return static_cast<int64_t>(pool->kernel[i]); });
  }
  return window;
}

TileRoom Emitter::roomFor(bool hasWeights, bool hasTail) {
  TileRoom room;
  room.loadsInput = !isReached(inputView(0).buffer);
  room.loadsWeights = hasWeights && !isReached(inputView(1).buffer);
  room.hasTail = hasTail;
  room.storesOutput = !hasTail && !isReached(outputView().buffer);
  room.bytes = machine_.local < 0 ? ~uint64_t{0} : attempt_.room[current_];
  return room;
}

std::optional<Tiling> Emitter::tilingOf(const ConvGeometry &geometry, const TileRoom &room,
                                        bool isChannelwise) {
  auto known = attempt_.tilings.find({geometry, room});
  if (known != attempt_.tilings.end())
    return known->second;
  auto tiling = isChannelwise ? searchChannelwise(geometry, room, machine_)
                              : searchTiling(geometry, room, machine_);
  attempt_.tilings[{geometry, room}] = tiling;
  return tiling;
}

// No tiling keeps the limits: the vector engine must, if it can.
Expected<void> Emitter::onVectorInstead(const TileRoom &room) {
  std::string why = fmt::format(
      "no tiling of it keeps the limits of {} within {} bytes of {}",
      machine_.engine(machine_.convolution).name, room.bytes,
      machine_.local >= 0 ? machine_.memory(static_cast<uint32_t>(machine_.local)).name : "memory");
  if (!attempt_.choices[current_].vectorRuns)
    return error(why, where());
  attempt_.choices[current_].runner = Runner::Vector;
  attempt_.choices[current_].note = std::move(why);
  return vector();
}

// The buffer for a tile of results: a partial sum's or one that the rest of the stages reads; one
// to be stored; or the output itself.
Emitter::Target Emitter::beginTarget(const std::vector<Range> &tile, ElementType type,
                                     bool hasTail) {
  Target target;
  target.hasTail = hasTail;
  ViewT output = part(spatial(outputView()), tile);
  target.stores = !hasTail && !isReached(output.buffer);
  target.view = output;
  if (target.hasTail || target.stores)
    target.view = stagingView(output.dims, type, target.hasTail ? "sums" : "results");
  return target;
}

void Emitter::endTarget(const Target &target, const std::vector<Range> &tile, ElementType sumType,
                        size_t doneStages) {
  ViewT output = part(spatial(outputView()), tile);
  if (target.stores)
    store(target.view, output);
  if (!target.hasTail)
    return;
  emulator::KernelUnion map;
  map.Set(emulator::MapT());
  Draft &draft = add(machine_.vector, std::move(map));
  draft.it->inputs.push_back(std::make_unique<ViewT>(target.view));
  if (target.view.type != sumType) { // the rounding of the whole sum
    auto round = std::make_unique<emulator::StageT>();
    round->function = emulator::Function::Identity;
    round->to = sumType;
    draft.it->stages.push_back(std::move(round));
  }
  addStages(*draft.it, doneStages, task().stages.size() - doneStages, tile, false);
  draft.it->outputs.push_back(std::make_unique<ViewT>(output));
  chooseUnits(*draft.it, unitsBeside(target.view));
}

namespace {

ElementType partialType(ElementType input) {
  return input == ElementType::F16 || input == ElementType::F32 ? ElementType::F32
                                                                : ElementType::I32;
}

void setPads(ContractionT &kernel, const AxisTile &y, const AxisTile &x) {
  kernel.pads_low = {static_cast<int32_t>(y.padLow), static_cast<int32_t>(x.padLow)};
  kernel.pads_high = {static_cast<int32_t>(y.padHigh), static_cast<int32_t>(x.padHigh)};
}

} // namespace

Expected<void> Emitter::convolution() {
  Window window = windowOf();
  for (int64_t group = 0; group < window.groups; ++group) {
    // The engine has no groups: one convolution for each, as a stage of its own.
    startsStage_ = true;
    EDGECC_CHECK(convolutionGroup(window, group));
    if (attempt_.choices[current_].runner == Runner::Vector)
      break;
  }
  return {};
}

Expected<void> Emitter::convolutionGroup(const Window &window, int64_t group) {
  const ContractionT &kernel = *task().kernel.AsContraction();
  const Choice &choice = attempt_.choices[current_];
  bool hasRest = choice.engineStages < task().stages.size();
  ViewT x = spatial(inputView(0)), w = spatial(inputView(1));
  ElementType outType = kernel.sum_type;
  for (size_t i = 0; i < choice.engineStages; ++i)
    outType = task().stages[i]->to;

  ConvGeometry g;
  g.channels = window.channels / window.groups;
  g.outputs = window.outputs / window.groups;
  g.h = window.y.in, g.w = window.x.in, g.oh = window.y.out, g.ow = window.x.out;
  g.kh = window.y.taps, g.kw = window.x.taps;
  g.reachH = window.y.reach(), g.reachW = window.x.reach();
  g.strideH = window.y.step(), g.strideW = window.x.step();
  g.positions = window.y.poolStride * window.x.poolStride;
  g.xBytes = emulator::bitsOf(x.type) / 8, g.wBytes = emulator::bitsOf(w.type) / 8;
  g.outBytes = emulator::bitsOf(outType) / 8;
  TileRoom room = roomFor(true, hasRest);
  auto tiling = tilingOf(g, room, false);
  bool isPartial = tiling && tiling->channels < g.channels;
  if (!tiling || (isPartial && machine_.vector < 0))
    return onVectorInstead(room);

  size_t engineStages = isPartial ? 0 : choice.engineStages;
  bool hasTail = isPartial || hasRest;
  ElementType resultType = isPartial ? partialType(x.type) : outType;
  int64_t firstChannel = group * g.channels, firstOutput = group * g.outputs;
  Range allOutputs{firstOutput, g.outputs};
  std::optional<ViewT> kept;
  if (room.loadsWeights && tiling->keepsWeights)
    kept = load(part(w, {allOutputs, {0, g.channels}, {0, g.kh}, {0, g.kw}}), "weights");

  for (Range image : rangesOf(window.images, 1))
    for (Range rows : rangesOf(g.oh, tiling->rows))
      for (Range columns : rangesOf(g.ow, tiling->columns)) {
        std::vector<Range> whole{image, allOutputs, rows, columns};
        AxisTile y = tileOf(window.y, rows), xt = tileOf(window.x, columns);
        Target target = beginTarget(whole, resultType, hasTail);
        for (Range channels : rangesOf(g.channels, tiling->channels)) {
          ViewT input =
              part(x, {image, {firstChannel + channels.begin, channels.size}, y.in, xt.in});
          if (room.loadsInput)
            input = load(input, "input tile");
          for (Range outputs : rangesOf(g.outputs, tiling->outputs)) {
            std::vector<Range> tile{
                image, {firstOutput + outputs.begin, outputs.size}, rows, columns};
            ViewT weights = part(w, {tile[1], channels, {0, g.kh}, {0, g.kw}});
            if (kept)
              weights = part(*kept, {outputs, channels, {0, g.kh}, {0, g.kw}});
            else if (room.loadsWeights)
              weights = load(weights, "weights");
            ContractionT piece = kernel;
            piece.groups = 1;
            piece.strides = {static_cast<uint32_t>(window.y.stride),
                             static_cast<uint32_t>(window.x.stride)};
            piece.dilations = {static_cast<uint32_t>(window.y.dilation),
                               static_cast<uint32_t>(window.x.dilation)};
            piece.kernel = {static_cast<uint32_t>(g.kh), static_cast<uint32_t>(g.kw)};
            setPads(piece, y, xt);
            bool isLast = channels.begin + channels.size == g.channels;
            piece.has_bias = kernel.has_bias && isLast;
            piece.carries_in = channels.begin > 0;
            if (isPartial)
              piece.sum_type = resultType;
            emitContraction(std::move(piece), input, weights, tile, engineStages, tiling->mode,
                            part(target.view, {{0, 1}, outputs, {0, rows.size}, {0, columns.size}}),
                            target);
          }
        }
        endTarget(target, whole, kernel.sum_type, engineStages);
      }
  return {};
}

// One instruction of the convolution engine for `tile` of the output.
void Emitter::emitContraction(ContractionT kernel, const ViewT &input, const ViewT &weights,
                              const std::vector<Range> &tile, size_t stages, uint32_t mode,
                              const ViewT &ownPart, const Target &target) {
  std::vector<ViewT> constants; // loads come before the instruction that needs them
  Range outputs = tile[1];
  if (kernel.has_bias)
    constants.push_back(part(reachable(inputView(2)), {outputs}));
  if (kernel.w_zero_points >= 0) {
    auto index = static_cast<size_t>(kernel.w_zero_points);
    kernel.w_zero_points = static_cast<int32_t>(2 + constants.size());
    constants.push_back(part(reachable(inputView(index)), {outputs}));
  }
  for (size_t i = 0; i < stages; ++i)
    for (uint32_t operand : task().stages[i]->operands)
      reachable(inputView(operand));
  emulator::KernelUnion kernelUnion;
  kernelUnion.Set(std::move(kernel));
  Draft &draft = add(machine_.convolution, std::move(kernelUnion));
  draft.it->mode = mode;
  draft.it->inputs.push_back(std::make_unique<ViewT>(input));
  draft.it->inputs.push_back(std::make_unique<ViewT>(weights));
  for (const ViewT &constant : constants)
    draft.it->inputs.push_back(std::make_unique<ViewT>(constant));
  addStages(*draft.it, 0, stages, tile, true);
  bool isStaged = target.hasTail || target.stores;
  draft.it->outputs.push_back(
      std::make_unique<ViewT>(isStaged ? ownPart : part(spatial(outputView()), tile)));
}

Expected<void> Emitter::channelwise() {
  Window window = windowOf();
  const ContractionT *contraction = task().kernel.AsContraction();
  const PoolT *pool = task().kernel.AsPool();
  const Choice &choice = attempt_.choices[current_];
  bool hasTail = choice.engineStages < task().stages.size();
  ViewT x = spatial(inputView(0));
  ElementType sumType = contraction ? contraction->sum_type : pool->to, outType = sumType;
  for (size_t i = 0; i < choice.engineStages; ++i)
    outType = task().stages[i]->to;

  ConvGeometry g;
  g.channels = window.channels;
  g.outputs = window.outputs;
  g.h = window.y.in, g.w = window.x.in, g.oh = window.y.out, g.ow = window.x.out;
  g.kh = contraction ? window.y.taps : 0, g.kw = contraction ? window.x.taps : 0;
  g.reachH = window.y.reach(), g.reachW = window.x.reach();
  g.strideH = window.y.stride, g.strideW = window.x.stride;
  g.xBytes = emulator::bitsOf(x.type) / 8;
  g.outBytes = emulator::bitsOf(outType) / 8;
  g.wBytes = contraction ? emulator::bitsOf(inputView(1).type) / 8 : 0;
  TileRoom room = roomFor(contraction != nullptr, hasTail);
  auto tiling = tilingOf(g, room, true);
  if (!tiling)
    return onVectorInstead(room);

  int64_t multiplier = std::max<int64_t>(g.outputs / g.channels, 1);
  std::optional<ViewT> weights;
  if (contraction)
    weights = reachable(spatial(inputView(1)));
  for (Range image : rangesOf(window.images, 1))
    for (Range rows : rangesOf(g.oh, tiling->rows))
      for (Range columns : rangesOf(g.ow, tiling->columns))
        for (Range channels : rangesOf(g.channels, tiling->channels)) {
          Range outputs{channels.begin * multiplier, channels.size * multiplier};
          std::vector<Range> tile{image, outputs, rows, columns};
          AxisTile y = tileOf(window.y, rows), xt = tileOf(window.x, columns);
          ViewT input = part(x, {image, channels, y.in, xt.in});
          if (room.loadsInput)
            input = load(input, "input tile");
          Target target = beginTarget(tile, outType, hasTail);
          if (contraction) {
            startsStage_ = true; // a convolution with weights that are zero off the diagonal
            ContractionT piece = *contraction;
            piece.groups = static_cast<uint32_t>(channels.size);
            piece.strides = {static_cast<uint32_t>(g.strideH), static_cast<uint32_t>(g.strideW)};
            piece.dilations = {static_cast<uint32_t>(window.y.dilation),
                               static_cast<uint32_t>(window.x.dilation)};
            piece.kernel = {static_cast<uint32_t>(g.kh), static_cast<uint32_t>(g.kw)};
            setPads(piece, y, xt);
            emitContraction(std::move(piece), input,
                            part(*weights, {outputs, {0, 1}, {0, g.kh}, {0, g.kw}}), tile,
                            choice.engineStages, tiling->mode, target.view, target);
          } else {
            emitPool(*pool, input, {y.padLow, xt.padLow}, {y.padHigh, xt.padHigh}, tile, target);
          }
          endTarget(target, tile, sumType, choice.engineStages);
        }
  return {};
}

void Emitter::emitPool(const PoolT &pool, const ViewT &input, std::array<int64_t, 2> low,
                       std::array<int64_t, 2> high, const std::vector<Range> &tile,
                       const Target &target) {
  PoolT piece = pool;
  piece.ceil_high.resize(2);
  for (size_t i = 0; i < 2; ++i) {
    piece.pads_low[i] = static_cast<int32_t>(low[i]);
    // What ceil_mode added lies beyond the padding.
    piece.pads_high[i] = static_cast<int32_t>(std::min<int64_t>(high[i], pool.pads_high[i]));
    piece.ceil_high[i] = static_cast<uint32_t>(high[i] - piece.pads_high[i]);
  }
  emulator::KernelUnion kernel;
  kernel.Set(std::move(piece));
  Draft &draft = add(machine_.convolution, std::move(kernel));
  draft.it->inputs.push_back(std::make_unique<ViewT>(input));
  addStages(*draft.it, 0, attempt_.choices[current_].engineStages, tile, true);
  draft.it->outputs.push_back(std::make_unique<ViewT>(target.view));
}

} // namespace edgecc::device::scheduled
