// Reductions and prefix sums.
#include "ir/ops/Infer.h"
#include "ir/ops/Registry.h"

#include <algorithm>

namespace edgecc::ops {

static bool reduces(const Op &op, unsigned axis) {
  const auto &axes = op.ints("axes");
  return std::find(axes.begin(), axes.end(), axis) != axes.end();
}

static Dims reducedDims(const Op &op) {
  Dims out;
  for (unsigned i = 0; i < typeOf(op, 0).rank(); ++i) {
    if (!reduces(op, i))
      out.push_back(dimsOf(op, 0)[i]);
    else if (op.flag("keepdims"))
      out.push_back(1);
  }
  return out;
}

static Expected<Types> reduceResult(const Op &op) {
  return one(typeOf(op, 0).dtype, reducedDims(op));
}

// One loop per operand axis, reduced or parallel.
static IterationSpace reduceSpace(const Op &op) {
  IterationSpace space;
  const Dims &in = dimsOf(op, 0);
  space.operands.push_back(identityMaps(in));
  std::vector<AxisMap> out;
  for (unsigned i = 0; i < in.size(); ++i) {
    bool reduced = reduces(op, i);
    space.loops.push_back({in[i], reduced ? LoopAxis::Kind::Reduction : LoopAxis::Kind::Parallel});
    if (!reduced)
      out.push_back(AxisMap::loop(i));
    else if (op.flag("keepdims"))
      out.push_back(AxisMap::constant(0));
  }
  space.results.push_back(std::move(out));
  return space;
}

static OpDef &reduction(std::vector<OpDef> &defs, OpKind kind, std::string name, DTypeSet allowed,
                        std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "T", allowed)
      .attr("axes", AttributeKind::Ints,
            "reduced axes, ascending; none: y = f(x) element by element")
      .attr("keepdims", true, "reduced axes stay with extent 1")
      .require("axes are distinct, ascending and within the rank of x",
               [](const Op &op) { return areAxes(op.ints("axes"), typeOf(op, 0).rank()); })
      .trait(OpTrait::Reduction)
      .countFlops([](const Op &op) { return typeOf(op, 0).elements(); })
      .maps(reduceSpace)
      .result(reduceResult);
}

static OpDef &argReduction(std::vector<OpDef> &defs, OpKind kind, std::string name,
                           std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "T", kNumbers)
      .attr("axes", AttributeKind::Ints, "the one reduced axis")
      .attr("keepdims", true, "the reduced axis stays with extent 1")
      .attr("select_last_index", false, "of equal values the last instead of the first")
      .require("there is exactly one axis, within the rank of x, and its extent is positive",
               [](const Op &op) {
                 return op.ints("axes").size() == 1 &&
                        areAxes(op.ints("axes"), typeOf(op, 0).rank()) &&
                        dimsOf(op, 0)[static_cast<size_t>(op.ints("axes")[0])] > 0;
               })
      .trait(OpTrait::Reduction)
      .countFlops([](const Op &op) { return typeOf(op, 0).elements(); })
      .maps(reduceSpace)
      .result([](const Op &op) { return one(DType::I64, reducedDims(op)); });
}

static OpDef &prefix(std::vector<OpDef> &defs, OpKind kind, std::string name, std::string doc) {
  return declare(defs, kind, std::move(name))
      .describe(std::move(doc))
      .in("x", "T", kNumbers)
      .attr("axis", AttributeKind::Int, "")
      .attr("exclusive", false, "element i excludes x[i] itself")
      .attr("reverse", false, "from the end")
      .require("axis is within the rank of x",
               [](const Op &op) { return isAxis(op.integer("axis"), typeOf(op, 0).rank()); })
      .result(sameAsFirst);
}

void declareReduction(std::vector<OpDef> &defs) {
  using enum OpKind;
  reduction(defs, ReduceSum, "ReduceSum", kNumbers, "Sum; 0 over nothing.")
      .attr("widen", false, "8- and 16-bit integers sum in i32, which the result then is")
      .require("what is widened is an 8- or 16-bit integer",
               [](const Op &op) {
                 DType type = typeOf(op, 0).dtype;
                 return !op.flag("widen") || (isInteger(type) && bitWidth(type) <= 16);
               })
      .result([](const Op &op) {
        return one(op.flag("widen") ? DType::I32 : typeOf(op, 0).dtype, reducedDims(op));
      });
  reduction(defs, ReduceMean, "ReduceMean", kNumbers, "Arithmetic mean; integers truncate.");
  reduction(defs, ReduceMax, "ReduceMax", kNumbers | kBool,
            "Maximum; NaN if any is. Over nothing: the type's lowest value (-inf for floats).");
  reduction(defs, ReduceMin, "ReduceMin", kNumbers | kBool,
            "Minimum; NaN if any is. Over nothing: the type's highest value (inf for floats).");
  reduction(defs, ReduceProd, "ReduceProd", kNumbers, "Product; 1 over nothing.");
  reduction(defs, ReduceL1, "ReduceL1", kNumbers, "Sum of |x|.");
  reduction(defs, ReduceL2, "ReduceL2", kNumbers, "sqrt of the sum of x^2.");
  reduction(defs, ReduceSumSquare, "ReduceSumSquare", kNumbers, "Sum of x^2.");
  reduction(defs, ReduceLogSum, "ReduceLogSum", kNumbers, "log of the sum.");
  reduction(defs, ReduceLogSumExp, "ReduceLogSumExp", kNumbers,
            "log of the sum of exp(x), computed after subtracting the maximum.");
  argReduction(defs, ArgMax, "ArgMax", "Index of the maximum; a NaN counts as the maximum.");
  argReduction(defs, ArgMin, "ArgMin", "Index of the minimum; a NaN counts as the minimum.");
  prefix(defs, CumSum, "CumSum", "Running sum along an axis.");
  prefix(defs, CumProd, "CumProd", "Running product along an axis.");
}

} // namespace edgecc::ops
