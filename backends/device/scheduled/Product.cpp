// Products by a constant matrix on the convolution engine: pieces of the matrix pass through the
// local memory, rows of the other operand in tiles.
#include "backends/device/scheduled/Emitter.h"

#include <algorithm>

namespace edgecc::device::scheduled {

using emulator::ContractionT;
using emulator::ElementType;
using emulator::ViewT;

Expected<void> Emitter::product() {
  const ContractionT &kernel = *task().kernel.AsContraction();
  const Choice &choice = attempt_.choices[current_];
  bool hasRest = choice.engineStages < task().stages.size();
  isLine_ = false;
  auto asMatrix = [](ViewT view) { // leading axes as rows; values are packed
    int64_t size = view.strides.back(), columns = view.dims.back();
    int64_t rows = numElements(view.dims) / columns;
    view.dims = {rows, columns};
    view.strides = {columns * size, size};
    return view;
  };
  ViewT x = asMatrix(inputView(0)), w = inputView(1), out = asMatrix(outputView());
  ElementType outType = kernel.sum_type;
  for (size_t i = 0; i < choice.engineStages; ++i)
    outType = task().stages[i]->to;

  ConvGeometry g;
  g.isProduct = true;
  g.channels = x.dims[1];
  g.outputs = w.dims[1];
  g.w = g.ow = x.dims[0];
  g.xBytes = emulator::bitsOf(x.type) / 8, g.wBytes = emulator::bitsOf(w.type) / 8;
  g.outBytes = emulator::bitsOf(outType) / 8;
  TileRoom room = roomFor(true, hasRest);
  auto tiling = tilingOf(g, room, false);
  bool isPartial = tiling && tiling->channels < g.channels;
  if (!tiling || (isPartial && machine_.vector < 0))
    return onVectorInstead(room);
  bool hasTail = isPartial || hasRest;
  size_t engineStages = isPartial ? 0 : choice.engineStages;
  ElementType sums = x.type == ElementType::F16 || x.type == ElementType::F32 ? ElementType::F32
                                                                              : ElementType::I32;
  ElementType resultType = isPartial ? sums : outType;
  std::optional<ViewT> kept;
  if (room.loadsWeights && tiling->keepsWeights)
    kept = load(w, "weights");

  for (int64_t row = 0; row < g.ow; row += tiling->columns) {
    Range rows{row, std::min(tiling->columns, g.ow - row)};
    ViewT result = part(out, {rows});
    bool stores = !hasTail && !isReached(result.buffer);
    ViewT target = result;
    if (hasTail || stores)
      target = stagingView(result.dims, resultType, hasTail ? "sums" : "results");
    for (int64_t first = 0; first < g.channels; first += tiling->channels) {
      Range depth{first, std::min(tiling->channels, g.channels - first)};
      ViewT input = part(x, {rows, depth});
      if (room.loadsInput)
        input = load(input, "input tile");
      for (int64_t column = 0; column < g.outputs; column += tiling->outputs) {
        Range columns{column, std::min(tiling->outputs, g.outputs - column)};
        ViewT weights = part(kept ? *kept : w, {depth, columns});
        if (!kept && room.loadsWeights)
          weights = load(weights, "weights");
        ContractionT piece = kernel;
        piece.has_bias = kernel.has_bias && first + depth.size == g.channels;
        piece.carries_in = first > 0;
        if (isPartial)
          piece.sum_type = sums;
        std::optional<ViewT> bias;
        if (piece.has_bias) {
          ViewT all = reachable(inputView(2));
          all.strides = {all.strides.back()};
          all.dims = {g.outputs};
          bias = part(all, {columns});
        }
        emulator::KernelUnion kernelUnion;
        kernelUnion.Set(std::move(piece));
        Draft &draft = add(machine_.convolution, std::move(kernelUnion));
        draft.it->mode = tiling->mode;
        draft.it->inputs.push_back(std::make_unique<ViewT>(input));
        draft.it->inputs.push_back(std::make_unique<ViewT>(weights));
        if (bias)
          draft.it->inputs.push_back(std::make_unique<ViewT>(*bias));
        addStages(*draft.it, 0, engineStages, {}, true);
        draft.it->outputs.push_back(
            std::make_unique<ViewT>(part(target, {{0, rows.size}, columns})));
      }
    }
    if (stores)
      store(target, result);
    if (!hasTail)
      continue;
    emulator::KernelUnion map;
    map.Set(emulator::MapT());
    Draft &draft = add(machine_.vector, std::move(map));
    draft.it->inputs.push_back(std::make_unique<ViewT>(target));
    if (target.type != kernel.sum_type) {
      auto round = std::make_unique<emulator::StageT>();
      round->function = emulator::Function::Identity;
      round->to = kernel.sum_type;
      draft.it->stages.push_back(std::move(round));
    }
    addStages(*draft.it, engineStages, task().stages.size() - engineStages, {}, false);
    draft.it->outputs.push_back(std::make_unique<ViewT>(result));
    chooseUnits(*draft.it, unitsBeside(target));
  }
  return {};
}

} // namespace edgecc::device::scheduled
