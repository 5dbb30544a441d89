// Quantisation, in ONNX's meaning until lowering.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include <algorithm>

namespace edgecc::ops {

constexpr DTypeSet kQuantized =
    setOf(DType::I8, DType::U8, DType::I16, DType::U16) | kInt4s | kStorageFloats;

// Scale is a scalar (or [1]), one entry along `axis`, or with block_size one entry for each block.
static bool scaleFits(const Op &op) {
  const Dims &x = dimsOf(op, 0), &scale = dimsOf(op, 1);
  int64_t block = op.integer("block_size");
  if (block == 0 && numElements(scale) == 1)
    return true;
  if (!isAxis(op.integer("axis"), typeOf(op, 0).rank()))
    return false;
  size_t axis = static_cast<size_t>(op.integer("axis"));
  if (block == 0)
    return scale == Dims{x[axis]};
  Dims want = x;
  want[axis] = (x[axis] + block - 1) / block;
  return block > 0 && scale == want;
}

static bool zeroPointFits(const Op &op) {
  return !op.operand(2) || numElements(dimsOf(op, 2)) == numElements(dimsOf(op, 1));
}

static OpDef &quantization(std::vector<OpDef> &defs, OpKind kind, std::string name, DTypeSet from,
                           std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "", from)
      .in("scale", "", kFloats | setOf(DType::F8E8M0), "scalar, [extent of axis], or blocked")
      .optionalIn("zero_point", "", kQuantized | setOf(DType::I32), "as scale; absent: 0")
      .attr("axis", int64_t{0}, "the axis of per-axis or blocked scales")
      .attr("block_size", int64_t{0}, "elements of the axis that share a scale; 0: not blocked")
      .attr("to", AttributeKind::DType, "element type of the result")
      .trait(OpTrait::Elementwise)
      .require("scale is a scalar, has one entry along axis, or one for each block", scaleFits)
      .require("zero_point has as many entries as scale", zeroPointFits)
      .maps([](const Op &op) {
        const Dims &x = dimsOf(op, 0);
        IterationSpace space;
        space.loops = parallelLoops(x);
        space.operands = {identityMaps(x)};
        for (unsigned i = 1; i < op.numOperands(); ++i) {
          std::vector<AxisMap> maps;
          if (op.operand(i))
            for (unsigned d = 0; d < typeOf(op, i).rank(); ++d)
              maps.push_back(op.integer("block_size") != 0 ? AxisMap::all()
                             : dimsOf(op, i)[d] == 1
                                 ? AxisMap::constant(0)
                                 : AxisMap::loop(static_cast<unsigned>(op.integer("axis"))));
          space.operands.push_back(std::move(maps));
        }
        space.results = {identityMaps(x)};
        return space;
      })
      .result([](const Op &op) { return one(op.dtype("to"), dimsOf(op, 0)); });
}

void declareQuantization(std::vector<OpDef> &defs) {
  quantization(defs, OpKind::QuantizeLinear, "QuantizeLinear", kFloats | setOf(DType::I32),
               "saturate(round_half_even(x / scale) + zero_point).")
      .attr("saturate", true, "for 8-bit float results")
      .require("the result is a quantised type",
               [](const Op &op) { return (setOf(op.dtype("to")) & kQuantized) != 0; })
      .require("zero_point has the result's element type", [](const Op &op) {
        return !op.operand(2) || typeOf(op, 2).dtype == op.dtype("to");
      });
  quantization(defs, OpKind::DequantizeLinear, "DequantizeLinear", kQuantized | setOf(DType::I32),
               "(x - zero_point) * scale.")
      .require("the result is floating point", [](const Op &op) { return isFloat(op.dtype("to")); })
      .require("zero_point has the element type of x", [](const Op &op) {
        return !op.operand(2) || typeOf(op, 2).dtype == typeOf(op, 0).dtype;
      });
  declare(defs, OpKind::DynamicQuantizeLinear, "DynamicQuantizeLinear")
      .describe("Quantises to u8 with a scale and zero point chosen from the range of x, which is "
                "widened to contain 0. Results: y, scale, zero point.")
      .in("x", "", setOf(DType::F32))
      .outs(3, 3)
      .result([](const Op &op) {
        return Expected<Types>(
            Types{dense(DType::U8, dimsOf(op, 0)), dense(DType::F32, {}), dense(DType::U8, {})});
      });
  declare(defs, OpKind::Requantize, "Requantize")
      .describe("clamp(round_half_even(f32(x) * multiplier) + zero_point, low, high): how integer "
                "arithmetic ends. One rounding of the product, never contracted.")
      .in("x", "", setOf(DType::I32, DType::I64))
      .in("multiplier", "", setOf(DType::F32), "scalar or [extent of axis]")
      .attr("zero_point", int64_t{0}, "")
      .attr("axis", int64_t{1}, "the axis of per-axis multipliers")
      .attr("low", AttributeKind::Int, "")
      .attr("high", AttributeKind::Int, "")
      .attr("to", AttributeKind::DType, "element type of the result")
      .trait(OpTrait::Elementwise)
      .trait(OpTrait::LoweredOnly)
      .require("multiplier is a scalar or has one entry along axis",
               [](const Op &op) {
                 return numElements(dimsOf(op, 1)) == 1 ||
                        (isAxis(op.integer("axis"), typeOf(op, 0).rank()) &&
                         dimsOf(op, 1) ==
                             Dims{dimsOf(op, 0)[static_cast<size_t>(op.integer("axis"))]});
               })
      .require("the result is an 8- or 16-bit integer and holds low and high",
               [](const Op &op) {
                 DType to = op.dtype("to");
                 if (!isInteger(to) || bitWidth(to) > 16)
                   return false;
                 int64_t least = isSigned(to) ? -(int64_t{1} << (bitWidth(to) - 1)) : 0;
                 int64_t most = least + (int64_t{1} << bitWidth(to)) - 1;
                 return op.integer("low") >= least && op.integer("high") <= most &&
                        op.integer("low") <= op.integer("high");
               })
      .maps([](const Op &op) {
        IterationSpace space;
        space.loops = parallelLoops(dimsOf(op, 0));
        space.operands = {identityMaps(dimsOf(op, 0)), {}};
        for (int64_t extent : dimsOf(op, 1))
          space.operands[1].push_back(
              extent == 1 ? AxisMap::constant(0)
                          : AxisMap::loop(static_cast<unsigned>(op.integer("axis"))));
        space.results = {identityMaps(dimsOf(op, 0))};
        return space;
      })
      .result([](const Op &op) { return one(op.dtype("to"), dimsOf(op, 0)); });
  declare(defs, OpKind::TableLookup, "TableLookup")
      .describe("y = table[x] for i8 (index x + 128) or u8 (index x): a unary function of an 8-bit "
                "quantised value.")
      .in("x", "", setOf(DType::I8, DType::U8))
      .in("table", "", kAny, "[256]")
      .trait(OpTrait::LoweredOnly)
      .trait(OpTrait::Elementwise)
      .require("table has 256 entries", [](const Op &op) { return dimsOf(op, 1) == Dims{256}; })
      .maps([](const Op &op) {
        IterationSpace space;
        space.loops = parallelLoops(dimsOf(op, 0));
        space.operands = {identityMaps(dimsOf(op, 0)), {AxisMap::all()}};
        space.results = {identityMaps(dimsOf(op, 0))};
        return space;
      })
      .result([](const Op &op) { return one(typeOf(op, 1).dtype, dimsOf(op, 0)); });
}

} // namespace edgecc::ops
