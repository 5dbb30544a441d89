// Turns dequantize-op-quantize into integer arithmetic. Contractions and sums accumulate exactly in
// i32, where that is proved to suffice, and end in Requantize; data movement runs on integers;
// functions of one 8-bit value become tables; everything else computes in f32 between its
// Dequantize and Quantize, which are then fused with it. What computes on reals in memory is
// listed.
#include "passes/Passes.h"
#include "passes/compress/Compression.h"
#include "passes/lower/quantized/Quantized.h"

namespace edgecc {

static Expected<void> lowerBlock(Module &module, Block &block, PassContext &context) {
  using namespace quantized;
  Statistics &statistics = context.statistics;
  int64_t moved = moveDequantizeDown(module, block);
  moved += moveQuantizeUp(module, block);
  statistics.add("ops moved to integers", moved);
  statistics.add("sums on integers", lowerSums(module, block));
  statistics.add("interpolations of integers", lowerInterpolations(module, block));
  statistics.add("contractions on integers", lowerContractions(module, block));
  statistics.add("layers with integer weights", lowerWeightOnly(module, block));
  statistics.add("requantizations", mergeRequantize(module, block));
  EDGECC_TRY(tables, makeTables(module, block, *context.executor));
  statistics.add("tables", tables);
  statistics.add("quantisations without division", foldOutputScale(module, block));
  std::vector<Island> islands = findIslands(block);
  statistics.add("float islands", static_cast<int64_t>(islands.size()));
  if (context.compression)
    for (const Island &island : islands)
      context.compression->notes.push_back(
          {"lower-quantized", nameOfLayer(*island.op), "float island: " + island.reason});
  duplicateDequantize(module, block);
  return {};
}

Expected<void> lowerQuantized(Module &module, PassContext &context) {
  if (!context.executor)
    return error("quantised lowering needs an executor");
  for (const auto &function : module.functions()) {
    std::vector<Block *> blocks;
    forEachBlock(function->body, [&](Block &block) { blocks.push_back(&block); });
    for (Block *block : blocks)
      EDGECC_CHECK(lowerBlock(module, *block, context));
  }
  return {};
}

} // namespace edgecc
