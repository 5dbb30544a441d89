// ScatterElements and ScatterND: a copy of x, then the updates in row-major order, one after the
// other, since two may go to the same place.
#include "backends/native/elementwise/Numeric.h"
#include "backends/native/loops/Planning.h"
#include "ir/Views.h"

namespace edgecc::native {

using LlvmValue = llvm::Value;

static LlvmValue *reduceInto(KernelEmitter &e, const std::string &reduction, DType dtype,
                             LlvmValue *old, LlvmValue *update) {
  if (reduction == "none")
    return update;
  LlvmValue *a = toCompute(e, old, dtype), *c = toCompute(e, update, dtype);
  DType acc = computeType(dtype);
  bool isReal = a->getType()->getScalarType()->isFloatingPointTy();
  LlvmValue *value;
  if (reduction == "add")
    value = isReal ? e.b.CreateFAdd(a, c) : e.b.CreateAdd(a, c);
  else if (reduction == "mul")
    value = isReal ? e.b.CreateFMul(a, c) : e.b.CreateMul(a, c);
  else
    value = reduction == "max" ? maximum(e, acc, a, c) : minimum(e, acc, a, c);
  return fromCompute(e, value, dtype);
}

static void finishScatter(const Op &op, Nest nest, View target, View updates,
                          KernelBuilder &kernel) {
  nest.serial = true;
  nest.widest = bitWidth(computeType(updates.dtype)) / 8;
  target.written = true;
  unsigned source = nest.addView(std::move(updates)), result = nest.addView(std::move(target));
  DType dtype = nest.views[source].dtype;
  std::string reduction = op.text("reduction");
  PlannedNest plan(std::move(nest), kernel.target());
  kernel.finish(reduction + plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter(e, plan).run([&](const Point &point) {
      LlvmValue *update = point.load(source);
      LlvmValue *old = reduction == "none" ? update : point.load(result);
      point.store(result, reduceInto(e, reduction, dtype, old, update));
    });
  });
}

Expected<void> planScatter(const Op &op, PlanContext &context) {
  const Value &x = *op.operand(0), &indices = *op.operand(1), &updates = *op.operand(2),
              &y = *op.result();
  DType dtype = x.type.dtype;
  if (isSubByte(dtype))
    return error("scattering 4-bit elements", op.location);
  bool inPlace = x.storage && y.storage && sameView(*x.storage, *y.storage, x.dims());
  if (!inPlace)
    planCopy({bitsOf(dtype), x.dims(), stridesOf(x), stridesOf(y)}, context.arg(x), context.arg(y),
             context);
  if (updates.type.elements() == 0)
    return {};
  KernelBuilder kernel(context, "scatter");
  Nest nest;
  nest.extents = updates.dims();
  size_t rank = nest.extents.size();
  Dims to = stridesOf(y), at = stridesOf(indices);
  unsigned indexArg = kernel.addArg(indices);
  View target{kernel.addArg(y), dtype, Dims(rank, 0), 0, {}};
  if (op.kind() == OpKind::ScatterElements) {
    auto axis = static_cast<size_t>(op.integer("axis"));
    target.strides = to;
    target.strides[axis] = 0;
    target.indirections.push_back({indexArg, indices.type.dtype, at, 0, x.dims()[axis], to[axis]});
    // Lanes of one vector could hit the same element.
    nest.single = true;
  } else {
    size_t tuples = indices.dims().size() - 1;
    auto length = static_cast<size_t>(indices.dims().back());
    for (size_t k = 0; k < length; ++k) {
      Indirection index{indexArg,      indices.type.dtype,
                        Dims(rank, 0), static_cast<int64_t>(k) * at.back(),
                        x.dims()[k],   to[k]};
      for (size_t i = 0; i < tuples; ++i)
        index.strides[i] = at[i];
      target.indirections.push_back(std::move(index));
    }
    for (size_t i = length; i < to.size(); ++i)
      target.strides[tuples + i - length] = to[i];
    // Slices of one element lie at irregular places, maybe the same for two lanes.
    nest.single = numElements(Dims(nest.extents.begin() + static_cast<std::ptrdiff_t>(tuples),
                                   nest.extents.end())) == 1;
  }
  for (const Indirection &index : target.indirections)
    if (index.extent == 0)
      return error("an axis of extent 0 has no elements to update", op.location);
  finishScatter(op, std::move(nest), std::move(target),
                {kernel.addArg(updates), dtype, stridesOf(updates), 0, {}}, kernel);
  return {};
}

} // namespace edgecc::native
