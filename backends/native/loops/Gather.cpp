// Gather, GatherElements, GatherND: copies whose source offset is read from memory.
#include "backends/native/loops/Planning.h"

namespace edgecc::native {

namespace {

// The kernel once the nest's extents, the result's strides and the operand's view are known.
Expected<void> finishGather(const Op &op, Nest nest, View operand, KernelBuilder &kernel,
                            Dims resultStrides) {
  const Value &y = *op.result();
  DType bits = bitsOf(y.type.dtype);
  nest.serial = isSubByte(bits);
  for (const Indirection &index : operand.indirections)
    if (index.extent == 0)
      return error("an axis of extent 0 has no elements to gather", op.location);
  unsigned result =
      nest.addView({kernel.addArg(y), bits, std::move(resultStrides), 0, {}, false, true});
  unsigned source = nest.addView(std::move(operand));
  PlannedNest plan(std::move(nest), kernel.target());
  kernel.finish(plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter(e, plan).run([&](const Point &point) { point.store(result, point.load(source)); });
  });
  return {};
}

Expected<void> planSliceGather(const Op &op, PlanContext &context) {
  const Value &x = *op.operand(0), &indices = *op.operand(1);
  auto axis = static_cast<size_t>(op.integer("axis"));
  size_t indexRank = indices.dims().size();
  KernelBuilder kernel(context, "gather");
  Nest nest;
  nest.extents = op.result()->dims();
  size_t rank = nest.extents.size();
  Dims from = stridesOf(x), at = stridesOf(indices);
  View operand{kernel.addArg(x), bitsOf(x.type.dtype), Dims(rank, 0), 0, {}};
  for (size_t i = 0; i < from.size(); ++i)
    if (i != axis)
      operand.strides[i < axis ? i : i + indexRank - 1] = from[i];
  Indirection index{kernel.addArg(indices), indices.type.dtype, Dims(rank, 0), 0,
                    x.dims()[axis],         from[axis]};
  for (size_t i = 0; i < indexRank; ++i)
    index.strides[axis + i] = at[i];
  operand.indirections.push_back(std::move(index));
  return finishGather(op, std::move(nest), std::move(operand), kernel, stridesOf(*op.result()));
}

Expected<void> planElementGather(const Op &op, PlanContext &context) {
  const Value &x = *op.operand(0), &indices = *op.operand(1);
  auto axis = static_cast<size_t>(op.integer("axis"));
  KernelBuilder kernel(context, "gather_elements");
  Nest nest;
  nest.extents = op.result()->dims();
  Dims from = stridesOf(x);
  View operand{kernel.addArg(x), bitsOf(x.type.dtype), from, 0, {}};
  operand.strides[axis] = 0;
  operand.indirections.push_back({kernel.addArg(indices), indices.type.dtype, stridesOf(indices), 0,
                                  x.dims()[axis], from[axis]});
  return finishGather(op, std::move(nest), std::move(operand), kernel, stridesOf(*op.result()));
}

// Result axes: the tuple axes of indices (batch axes first), then the axes of x beyond the tuple.
Expected<void> planTupleGather(const Op &op, PlanContext &context) {
  const Value &x = *op.operand(0), &indices = *op.operand(1);
  auto batch = static_cast<size_t>(op.integer("batch_dims"));
  size_t tuples = indices.dims().size() - 1;
  auto length = static_cast<size_t>(indices.dims().back());
  KernelBuilder kernel(context, "gather_nd");
  Nest nest;
  nest.extents = op.result()->dims();
  size_t rank = nest.extents.size();
  Dims from = stridesOf(x), at = stridesOf(indices);
  View operand{kernel.addArg(x), bitsOf(x.type.dtype), Dims(rank, 0), 0, {}};
  for (size_t i = 0; i < batch; ++i)
    operand.strides[i] = from[i];
  for (size_t i = batch + length; i < from.size(); ++i)
    operand.strides[tuples + i - batch - length] = from[i];
  unsigned indexArg = kernel.addArg(indices);
  for (size_t k = 0; k < length; ++k) {
    Indirection index{indexArg,
                      indices.type.dtype,
                      Dims(rank, 0),
                      static_cast<int64_t>(k) * at.back(),
                      x.dims()[batch + k],
                      from[batch + k]};
    for (size_t i = 0; i < tuples; ++i)
      index.strides[i] = at[i];
    operand.indirections.push_back(std::move(index));
  }
  return finishGather(op, std::move(nest), std::move(operand), kernel, stridesOf(*op.result()));
}

} // namespace

Expected<void> planGather(const Op &op, PlanContext &context) {
  if (op.result()->type.elements() == 0)
    return {};
  switch (op.kind()) {
  case OpKind::Gather:
    return planSliceGather(op, context);
  case OpKind::GatherElements:
    return planElementGather(op, context);
  default:
    return planTupleGather(op, context);
  }
}

} // namespace edgecc::native
