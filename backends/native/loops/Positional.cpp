// Ops that depend on the position of an element: Trilu and OneHot.
#include "backends/native/elementwise/Numeric.h"
#include "backends/native/loops/Planning.h"

namespace edgecc::native {

using llvm::Value;

namespace {

// Keeps column - row >= k (<= k for the lower triangle).
Expected<void> planTrilu(const Op &op, PlanContext &context) {
  const edgecc::Value &x = *op.operand(0), &y = *op.result();
  DType bits = bitsOf(x.type.dtype);
  size_t rank = x.dims().size();
  KernelBuilder kernel(context, "trilu");
  Nest nest;
  nest.extents = x.dims();
  nest.serial = isSubByte(bits);
  unsigned result = nest.addView({kernel.addArg(y), bits, stridesOf(y), 0, {}, false, true});
  unsigned operand = nest.addView({kernel.addArg(x), bits, stridesOf(x), 0, {}});
  View diagonal{0, DType::I64, Dims(rank, 0), 0, {}, true};
  diagonal.strides[rank - 1] = 1;
  diagonal.strides[rank - 2] = -1;
  unsigned difference = nest.addView(std::move(diagonal));
  PlannedNest plan(std::move(nest), context.target);
  int64_t k = op.integer("k");
  bool upper = op.flag("upper");
  kernel.finish(signatureOf(op) + plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter(e, plan).run([&](const Point &point) {
      Value *at = point.load(difference);
      Value *keep =
          upper ? e.b.CreateICmpSGE(at, intLike(at, k)) : e.b.CreateICmpSLE(at, intLike(at, k));
      Value *element = point.load(operand);
      point.store(result, e.b.CreateSelect(keep, element,
                                           llvm::Constant::getNullValue(element->getType())));
    });
  });
  return {};
}

Expected<void> planOneHot(const Op &op, PlanContext &context) {
  const edgecc::Value &indices = *op.operand(0), &values = *op.operand(1), &y = *op.result();
  DType bits = bitsOf(values.type.dtype), from = indices.type.dtype;
  if (isSubByte(bits))
    return error("OneHot of 4-bit values", op.location);
  auto axis = static_cast<size_t>(op.integer("axis"));
  int64_t depth = op.integer("depth");
  KernelBuilder kernel(context, "one_hot");
  Nest nest;
  nest.extents = y.dims();
  nest.widest = 8;
  size_t rank = y.dims().size();
  unsigned result = nest.addView({kernel.addArg(y), bits, stridesOf(y), 0, {}, false, true});
  Dims strides = stridesOf(indices);
  strides.insert(strides.begin() + static_cast<std::ptrdiff_t>(axis), 0);
  unsigned index = nest.addView({kernel.addArg(indices), from, strides, 0, {}});
  View position{0, DType::I64, Dims(rank, 0), 0, {}, true};
  position.strides[axis] = 1;
  unsigned iota = nest.addView(std::move(position));
  unsigned valueArg = kernel.addArg(values);
  unsigned off = nest.addView({valueArg, bits, Dims(rank, 0), 0, {}});
  unsigned on = nest.addView({valueArg, bits, Dims(rank, 0), stridesOf(values)[0], {}});
  PlannedNest plan(std::move(nest), context.target);
  kernel.finish(signatureOf(op) + plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter(e, plan).run([&](const Point &point) {
      Value *raw = convert(e, point.load(index), from, DType::I64);
      Value *wrapped = e.b.CreateAdd(raw, intLike(raw, depth));
      raw = e.b.CreateSelect(e.b.CreateICmpSLT(raw, intLike(raw, 0)), wrapped, raw);
      Value *hit = e.b.CreateICmpEQ(raw, point.load(iota));
      point.store(result, e.b.CreateSelect(hit, point.load(on), point.load(off)));
    });
  });
  return {};
}

} // namespace

Expected<void> planPositional(const Op &op, PlanContext &context) {
  if (op.result()->type.elements() == 0)
    return {};
  return op.kind() == OpKind::Trilu ? planTrilu(op, context) : planOneHot(op, context);
}

} // namespace edgecc::native
