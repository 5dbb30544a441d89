// Resize: a weighted sum over taps whose operand indices and weights are tables, computed at
// compile time. The taps are reduced loops; nearest is a copy through the tables.
#include "backends/native/elementwise/Numeric.h"
#include "backends/native/loops/Rows.h"
#include "ir/Resample.h"

#include <algorithm>

namespace edgecc::native {

using LlvmValue = llvm::Value;

namespace {

struct ResizeViews {
  unsigned x = 0;
  std::vector<unsigned> weights;             // one for each axis with more than one tap
  std::vector<unsigned> outside;             // for tf_crop_and_resize
  DType dtype = DType::F32, to = DType::F32; // of the operand and the result
  double extrapolation = 0;
};

class ResizeEmitter {
public:
  ResizeEmitter(NestEmitter &loops, const RegionCode &code, const ResizeViews &views)
      : loops_(loops), e_(loops.e), code_(code), v_(views) {}

  void point(const Point &point) {
    LlvmValue *y =
        v_.weights.empty() ? convert(e_, point.load(v_.x), v_.dtype, v_.to) : interpolated(point);
    if (!v_.outside.empty())
      y = extrapolated(point, y);
    code_.emit(e_, point, {y});
  }

private:
  LlvmValue *interpolated(const Point &row) {
    DType acc = v_.dtype == DType::F64 ? DType::F64 : DType::F32;
    LlvmValue *zero = llvm::Constant::getNullValue(e_.vectorType(acc, row.lanes));
    auto sum = loops_.fold(
        row, {zero},
        [&](const Point &tap, const std::vector<LlvmValue *> &values) -> std::vector<LlvmValue *> {
          LlvmValue *weight = nullptr;
          for (unsigned view : v_.weights) {
            LlvmValue *along = convert(e_, tap.load(view), DType::F32, acc);
            weight = weight ? e_.b.CreateFMul(weight, along) : along;
          }
          LlvmValue *x = convert(e_, tap.load(v_.x), v_.dtype, acc);
          return {e_.multiplyAdd(weight, x, values[0])};
        });
    return convert(e_, isInteger(v_.to) ? roundEven(e_, sum[0]) : sum[0], acc, v_.to);
  }

  LlvmValue *extrapolated(const Point &point, LlvmValue *y) {
    LlvmValue *outside = nullptr;
    for (unsigned view : v_.outside) {
      LlvmValue *flag = point.load(view);
      outside = outside ? e_.b.CreateOr(outside, flag) : flag;
    }
    LlvmValue *wide =
        llvm::ConstantFP::get(e_.vectorType(DType::F32, point.lanes), v_.extrapolation);
    return e_.b.CreateSelect(outside, convert(e_, wide, DType::F32, v_.to), y);
  }

  NestEmitter &loops_;
  KernelEmitter &e_;
  const RegionCode &code_;
  const ResizeViews &v_;
};

} // namespace

Expected<void> planResize(const Op &op, const Op &anchor, PlanContext &context) {
  if (anchor.result()->type.elements() == 0)
    return {};
  EDGECC_CHECK(requireAnchorDims(op, anchor));
  const Value &x = outerValue(op, *anchor.operand(0));
  size_t rank = x.dims().size();
  KernelBuilder kernel(context, "resize");
  std::vector<AxisTaps> axes;
  for (size_t i = 0; i < rank; ++i)
    axes.push_back(resizeTaps(anchor, i));
  // Loops: the axes of the result, then a reduced one for the taps along each axis that has some.
  Nest nest;
  nest.extents = anchor.result()->dims();
  std::vector<size_t> tapLoop(rank, 0);
  for (size_t i = 0; i < rank; ++i)
    if (!axes[i].isIdentity && !axes[i].isNearest) {
      tapLoop[i] = nest.extents.size();
      nest.extents.push_back(axes[i].taps);
      nest.cost += 2;
    }
  size_t loops = nest.extents.size();
  nest.reduced.assign(loops, false);
  std::fill(nest.reduced.begin() + static_cast<std::ptrdiff_t>(rank), nest.reduced.end(), true);
  nest.sequential = true;

  std::vector<unsigned> results;
  for (unsigned r = 0; r < op.numResults(); ++r)
    results.push_back(r);
  EDGECC_TRY(
      code, RegionCode::create(op, &anchor, std::move(results), identityLoops(rank), kernel, nest));
  ResizeViews views;
  views.dtype = x.type.dtype;
  views.to = anchor.result()->type.dtype;
  views.extrapolation = anchor.real("extrapolation_value");
  View operand{kernel.addArg(x), x.type.dtype, Dims(loops, 0), 0, {}};
  Dims strides = stridesOf(x);
  for (size_t i = 0; i < rank; ++i) {
    if (axes[i].isIdentity) {
      operand.strides[i] = strides[i];
      continue;
    }
    Dims tableStrides(loops, 0);
    tableStrides[i] = axes[i].taps;
    if (tapLoop[i])
      tableStrides[tapLoop[i]] = 1;
    operand.indirections.push_back({kernel.addTable(axes[i].indices), DType::I64, tableStrides, 0,
                                    x.dims()[i], strides[i], true});
    if (tapLoop[i])
      views.weights.push_back(nest.addView(
          {kernel.addTable(std::vector<float>(axes[i].weights.begin(), axes[i].weights.end())),
           DType::F32,
           tableStrides,
           0,
           {}}));
    if (std::ranges::find(axes[i].outside, 1) != axes[i].outside.end()) {
      Dims flags(loops, 0);
      flags[i] = 1;
      views.outside.push_back(
          nest.addView({kernel.addTable(axes[i].outside), DType::Bool, flags, 0, {}}));
    }
  }
  views.x = nest.addView(std::move(operand));
  nest.widest = std::max(nest.widest, views.weights.empty() ? 1u : 4u);
  PlannedNest plan(std::move(nest), context.target);
  kernel.finish(signatureOf(op) + code.key() + plan.key(), plan.units(),
                [plan, code, views](KernelEmitter &e) {
                  NestEmitter loops(e, plan);
                  ResizeEmitter emitter(loops, code, views);
                  loops.run([&](const Point &point) { emitter.point(point); });
                });
  return {};
}

} // namespace edgecc::native
