// Element-wise ops and Fused groups of them; quantisation by blocks.
#include "backends/native/Families.h"
#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Numeric.h"
#include "backends/native/loops/Planning.h"

#include <algorithm>

namespace edgecc::native {

namespace {

// One kernel for the results of equal dims `results`.
Expected<void> planGroup(const Op &op, std::vector<unsigned> results, PlanContext &context) {
  const Dims &dims = op.result(results[0])->dims();
  if (numElements(dims) == 0)
    return {};
  KernelBuilder kernel(context,
                       op.kind() == OpKind::Fused ? "elementwise" : std::string(op.name()));
  Nest nest;
  nest.extents = dims;
  std::string which;
  for (unsigned r : results)
    which += std::to_string(r) + ',';
  EDGECC_TRY(code, RegionCode::create(op, nullptr, std::move(results), identityLoops(dims.size()),
                                      kernel, nest));
  PlannedNest plan(std::move(nest), context.target);
  kernel.finish(signatureOf(op) + which + code.key() + plan.key(), plan.units(),
                [code, plan](KernelEmitter &e) {
                  NestEmitter loops(e, plan);
                  loops.run([&](const Point &point) { code.emit(e, point); });
                });
  return {};
}

// (De)quantisation where `count` elements of the axis, from `first`, share scales in blocks of
// `block`: the axis becomes two loops.
void planBlocks(const Op &op, int64_t first, int64_t blocks, int64_t block, PlanContext &context) {
  auto axis = static_cast<size_t>(op.integer("axis"));
  KernelBuilder kernel(context, std::string(op.name()));
  Nest nest;
  nest.extents = op.result()->dims();
  nest.extents[axis] = blocks;
  nest.extents.insert(nest.extents.begin() + static_cast<std::ptrdiff_t>(axis) + 1, block);
  nest.widest = 4;
  nest.cost = 3;
  nest.serial = isSubByte(op.result()->type.dtype);
  int64_t size = op.integer("block_size");
  auto addView = [&](const Value &value, bool blocked) {
    Dims strides = stridesOf(value);
    int64_t stride = strides[axis];
    View view{kernel.addArg(value), value.type.dtype, strides, 0, {}};
    view.offset = blocked ? first / size * stride : first * stride;
    view.strides[axis] = blocked ? stride : stride * size;
    view.strides.insert(view.strides.begin() + static_cast<std::ptrdiff_t>(axis) + 1,
                        blocked ? 0 : stride);
    return nest.addView(std::move(view));
  };
  unsigned y = addView(*op.result(), false);
  nest.views[y].written = true;
  std::vector<unsigned> operands{addView(*op.operand(0), false)};
  for (unsigned i = 1; i < op.numOperands(); ++i)
    operands.push_back(op.operand(i) ? addView(*op.operand(i), true) : ~0u);
  PlannedNest plan(std::move(nest), context.target);
  kernel.finish(signatureOf(op) + plan.key(), plan.units(),
                [&op, plan, y, operands](KernelEmitter &e) {
                  NestEmitter loops(e, plan);
                  loops.run([&](const Point &point) {
                    std::vector<llvm::Value *> values;
                    for (unsigned view : operands)
                      values.push_back(view == ~0u ? nullptr : point.load(view));
                    point.store(y, emitElementwise(e, op, values, point.lanes));
                  });
                });
}

Expected<void> planBlockedQuantization(const Op &op, PlanContext &context) {
  if (op.result()->type.elements() == 0)
    return {};
  int64_t extent = op.result()->dims()[static_cast<size_t>(op.integer("axis"))];
  int64_t block = op.integer("block_size"), full = extent / block;
  if (full > 0)
    planBlocks(op, 0, full, block, context);
  if (extent % block != 0) // a last block that is shorter
    planBlocks(op, full * block, 1, extent % block, context);
  return {};
}

} // namespace

Expected<void> planPointwise(const Op &op, PlanContext &context) {
  bool quantization = op.kind() == OpKind::QuantizeLinear || op.kind() == OpKind::DequantizeLinear;
  if (quantization && op.integer("block_size") > 0)
    return planBlockedQuantization(op, context);
  // Results of different shapes run as one kernel each.
  std::vector<std::vector<unsigned>> groups;
  for (unsigned r = 0; r < op.numResults(); ++r) {
    auto same = std::find_if(groups.begin(), groups.end(), [&](const auto &group) {
      return op.result(group[0])->dims() == op.result(r)->dims();
    });
    if (same == groups.end())
      groups.push_back({r});
    else
      same->push_back(r);
  }
  for (auto &group : groups)
    EDGECC_CHECK(planGroup(op, std::move(group), context));
  return {};
}

} // namespace edgecc::native
