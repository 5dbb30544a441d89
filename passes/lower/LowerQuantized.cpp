// Turns dequantize-op-quantize into integer arithmetic. Contractions accumulate exactly in i32,
// where that is proved to suffice, and end in Requantize; data movement runs on integers; unary
// functions of 8-bit values become tables; everything else computes in f32 between its Dequantize
// and Quantize, which are then fused with it.
#include "passes/Passes.h"
#include "passes/lower/quantized/Quantized.h"

namespace edgecc {

Expected<void> lowerQuantized(Module &module, PassContext &context) {
  if (!context.executor)
    return error("quantised lowering needs an executor");
  for (const auto &function : module.functions()) {
    std::vector<Block *> blocks;
    forEachBlock(function->body, [&](Block &block) { blocks.push_back(&block); });
    for (Block *block : blocks) {
      int64_t moved = quantized::moveDequantizeDown(module, *block);
      moved += quantized::moveQuantizeUp(module, *block);
      context.statistics.add("ops moved to integers", moved);
      context.statistics.add("contractions on integers",
                             quantized::lowerContractions(module, *block));
      context.statistics.add("requantizations", quantized::mergeRequantize(module, *block));
      EDGECC_TRY(tables, quantized::makeTables(module, *block, *context.executor));
      context.statistics.add("tables", tables);
      quantized::duplicateDequantize(module, *block);
    }
  }
  return {};
}

} // namespace edgecc
