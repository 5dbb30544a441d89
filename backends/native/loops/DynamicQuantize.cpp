// DynamicQuantizeLinear: the range of x in one kernel, the quantisation in another.
#include "backends/native/elementwise/Numeric.h"
#include "backends/native/loops/Planning.h"

#include <algorithm>

namespace edgecc::native {

using LlvmValue = llvm::Value;

namespace {

// f32 division, rounding to nearest even, clamping to u8: all as runtime/numerics.
LlvmValue *toByte(KernelEmitter &e, LlvmValue *integral) {
  return saturateToInteger(e, integral, DType::U8);
}

void planRange(const Op &op, PlanContext &context) {
  const Value &x = *op.operand(0);
  KernelBuilder kernel(context, "dynamic_range");
  Nest nest;
  nest.extents = x.dims();
  nest.reduced.assign(nest.extents.size(), true);
  unsigned operand = nest.addView({kernel.addArg(x), DType::F32, stridesOf(x), 0, {}});
  Dims none(nest.extents.size(), 0);
  unsigned scale =
      nest.addView({kernel.addArg(*op.result(1)), DType::F32, none, 0, {}, false, true});
  unsigned zero = nest.addView({kernel.addArg(*op.result(2)), DType::U8, none, 0, {}, false, true});
  PlannedNest plan(std::move(nest), context.target);
  kernel.finish(plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter loops(e, plan);
    loops.run([&](const Point &row) {
      // The range always contains 0, which is also what inactive lanes read as.
      LlvmValue *start =
          llvm::Constant::getNullValue(e.vectorType(DType::F32, loops.foldLanes(row)));
      auto range =
          loops.fold(row, {start, start},
                     [&](const Point &point,
                         const std::vector<LlvmValue *> &values) -> std::vector<LlvmValue *> {
                       LlvmValue *element = point.load(operand);
                       return {minimum(e, DType::F32, values[0], element),
                               maximum(e, DType::F32, values[1], element)};
                     });
      LlvmValue *low = loops.combine(
          row, range[0], [&](LlvmValue *a, LlvmValue *b) { return minimum(e, DType::F32, a, b); });
      LlvmValue *high = loops.combine(
          row, range[1], [&](LlvmValue *a, LlvmValue *b) { return maximum(e, DType::F32, a, b); });
      LlvmValue *step = e.b.CreateFDiv(e.b.CreateFSub(high, low), floatLike(low, 255));
      // All zeros: any scale will do.
      LlvmValue *safe =
          e.b.CreateSelect(e.b.CreateFCmpOEQ(step, floatLike(step, 0)), floatLike(step, 1), step);
      LlvmValue *origin = e.b.CreateFDiv(e.b.CreateFNeg(low), safe);
      row.store(scale, safe);
      row.store(zero, toByte(e, roundEven(e, origin)));
    });
  });
}

void planQuantize(const Op &op, PlanContext &context) {
  const Value &x = *op.operand(0);
  KernelBuilder kernel(context, "dynamic_quantize");
  Nest nest;
  nest.extents = x.dims();
  nest.cost = 3;
  Dims none(nest.extents.size(), 0);
  unsigned y = nest.addView(
      {kernel.addArg(*op.result(0)), DType::U8, stridesOf(*op.result(0)), 0, {}, false, true});
  unsigned operand = nest.addView({kernel.addArg(x), DType::F32, stridesOf(x), 0, {}});
  unsigned scale = nest.addView({kernel.addArg(*op.result(1)), DType::F32, none, 0, {}});
  unsigned zero = nest.addView({kernel.addArg(*op.result(2)), DType::U8, none, 0, {}});
  PlannedNest plan(std::move(nest), context.target);
  kernel.finish(plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter(e, plan).run([&](const Point &point) {
      LlvmValue *rounded = roundEven(e, e.b.CreateFDiv(point.load(operand), point.load(scale)));
      LlvmValue *shifted =
          e.b.CreateFAdd(rounded, convert(e, point.load(zero), DType::U8, DType::F32));
      point.store(y, toByte(e, shifted));
    });
  });
}

} // namespace

Expected<void> planDynamicQuantize(const Op &op, PlanContext &context) {
  planRange(op, context);
  if (op.operand(0)->type.elements() > 0)
    planQuantize(op, context);
  return {};
}

} // namespace edgecc::native
