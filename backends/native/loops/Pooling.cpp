// MaxPool, AveragePool, LpPool and LRN over clipped windows: vectors along the channels where these
// are innermost in memory, else along the innermost spatial axis.
#include "backends/native/elementwise/Emitters.h"
#include "backends/native/loops/Windows.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::native {

using llvm::Value;

namespace {

std::vector<WindowAxis> poolWindows(const Op &anchor, const Dims &x) {
  std::vector<WindowAxis> windows;
  size_t n = x.size() - 2;
  for (size_t i = 0; i < n; ++i)
    windows.push_back({i + 2, x[i + 2], anchor.ints("kernel")[i], anchor.ints("strides")[i],
                       anchor.ints("dilations")[i], anchor.ints("pads")[i],
                       anchor.ints("pads")[n + i]});
  return windows;
}

// What happens at each point of a piece.
using PointCode = std::function<void(KernelEmitter &, const Point &, WindowLoops &)>;
// Adds further views; returns the code of a point.
using Prepare = std::function<PointCode(WindowPlan &, KernelBuilder &)>;

// Whether all elements along the innermost axis of the result may be the lanes of one vector: the
// axis has no windows, or none that leaves the operand.
bool lanesShareTaps(const WindowPlan &plan, const std::vector<WindowAxis> &windows) {
  std::optional<size_t> innermost;
  const Dims &strides = plan.nest.views[plan.nest.order].strides;
  for (size_t i = 0; i < strides.size(); ++i)
    if (plan.nest.extents[i] > 1 &&
        (!innermost || std::abs(strides[i]) <= std::abs(strides[*innermost])))
      innermost = i;
  for (size_t w = 0; w < windows.size(); ++w)
    if (innermost == windows[w].axis && plan.views.clipped[w])
      return false;
  return true;
}

Expected<void> planWindows(const Op &op, const Op &anchor, const std::vector<WindowAxis> &windows,
                           PlanContext &context, const Prepare &prepare) {
  if (anchor.result()->type.elements() == 0)
    return {};
  const edgecc::Value &y = *op.result();
  for (const WindowPiece &piece : windowPieces(windows, y.dims(), stridesOf(y))) {
    KernelBuilder kernel(context, std::string(anchor.name()));
    EDGECC_TRY(plan, WindowPlan::create(op, anchor, windows, piece, kernel));
    PointCode code = prepare(plan, kernel);
    if (piece.cutAxis) {
      size_t axis = *piece.cutAxis;
      plan.nest.extents[axis] = piece.count;
      for (View &view : plan.nest.views)
        view.offset += piece.first * view.strides[axis];
    }
    plan.nest.single = !lanesShareTaps(plan, windows);
    std::string key = signatureOf(op) + plan.code.key();
    for (bool clipped : plan.views.clipped)
      key += clipped ? 'c' : 'w';
    PlannedNest nest(std::move(plan.nest), context.target);
    kernel.finish(key + nest.key(), nest.units(),
                  [nest, code, windows, views = plan.views](KernelEmitter &e) {
                    NestEmitter(e, nest).run([&](const Point &point) {
                      WindowLoops loops(e, windows, views);
                      code(e, point, loops);
                    });
                  });
  }
  return {};
}

using Values = std::vector<Value *>;

// --- MaxPool ---

PointCode maxPoint(const WindowPlan &plan, DType dtype) {
  return [code = plan.code, x = plan.views.x, dtype](KernelEmitter &e, const Point &point,
                                                     WindowLoops &loops) {
    DType acc = computeType(dtype);
    auto best = loops.fold(point, {lowestValue(e, dtype, point.lanes)},
                           [&](Value *offset, const Values &, const Values &values) -> Values {
                             Value *element = toCompute(e, point.at(x, offset).load(x), dtype);
                             return {maximum(e, acc, values[0], element)};
                           });
    code.emit(e, point, {fromCompute(e, best[0], dtype)});
  };
}

// With the second result: the position of each maximum in the dense operand.
PointCode maxWithPositions(WindowPlan &plan, const Op &op, const std::vector<WindowAxis> &windows,
                           KernelBuilder &kernel) {
  const edgecc::Value &x = *op.operand(0), &positions = *op.result(1);
  Dims dense = rowMajorStrides(x.dims());
  if (op.flag("column_major")) {
    int64_t stride = 1;
    for (size_t i = 2; i < dense.size(); ++i) {
      dense[i] = stride;
      stride *= x.dims()[i];
    }
  }
  View start{0, DType::I64, dense, 0, {}, true};
  Dims tapSteps;
  for (const WindowAxis &window : windows) {
    start.strides[window.axis] *= window.stride;
    start.offset -= window.padLow * dense[window.axis];
    tapSteps.push_back(window.dilation * dense[window.axis]);
  }
  unsigned iota = plan.nest.addView(std::move(start));
  unsigned result = plan.nest.addView(
      {kernel.addArg(positions), DType::I64, stridesOf(positions), 0, {}, false, true});
  return [=, code = plan.code, view = plan.views.x,
          dtype = x.type.dtype](KernelEmitter &e, const Point &point, WindowLoops &loops) {
    DType acc = computeType(dtype);
    llvm::Type *i64 = e.vectorType(DType::I64, point.lanes);
    Value *none = llvm::Constant::getAllOnesValue(i64);
    Value *origin = point.load(iota);
    auto best =
        loops.fold(point, {lowestValue(e, dtype, point.lanes), none},
                   [&](Value *offset, const Values &taps, const Values &values) -> Values {
                     Value *element = toCompute(e, point.at(view, offset).load(view), dtype);
                     Value *step = e.i64(0);
                     for (size_t i = 0; i < taps.size(); ++i)
                       step = e.b.CreateAdd(step, e.b.CreateMul(taps[i], e.i64(tapSteps[i])));
                     Value *at = e.b.CreateAdd(origin, e.splat(step, point.lanes));
                     Value *wins = e.b.CreateOr(lessThan(e, acc, values[0], element),
                                                e.b.CreateICmpEQ(values[1], none));
                     if (isFloat(acc))
                       wins = e.b.CreateOr(wins, e.b.CreateAnd(isNaN(e, element),
                                                               e.b.CreateNot(isNaN(e, values[0]))));
                     return {e.b.CreateSelect(wins, element, values[0]),
                             e.b.CreateSelect(wins, at, values[1])};
                   });
    code.emit(e, point, {fromCompute(e, best[0], dtype)});
    point.store(result, best[1]);
  };
}

// --- AveragePool, LpPool ---

PointCode averagePoint(const WindowPlan &plan, DType dtype, bool withPadding) {
  return [code = plan.code, x = plan.views.x, dtype,
          withPadding](KernelEmitter &e, const Point &point, WindowLoops &loops) {
    bool isReal = isFloat(dtype);
    DType acc = isReal ? computeType(dtype) : DType::I64, wide = isReal ? acc : DType::F64;
    auto sum = loops.fold(point, {llvm::Constant::getNullValue(e.vectorType(acc, point.lanes))},
                          [&](Value *offset, const Values &, const Values &values) -> Values {
                            Value *element = convert(e, point.at(x, offset).load(x), dtype, acc);
                            return {isReal ? e.b.CreateFAdd(values[0], element)
                                           : e.b.CreateAdd(values[0], element)};
                          });
    Value *count = loops.count(point, withPadding);
    Value *divisor = e.splat(e.b.CreateSIToFP(count, e.scalarType(wide)), point.lanes);
    Value *mean = e.b.CreateFDiv(convert(e, sum[0], acc, wide), divisor);
    Value *isEmpty = e.splat(e.b.CreateICmpEQ(count, e.i64(0)), point.lanes);
    mean = e.b.CreateSelect(isEmpty, floatLike(mean, 0), mean);
    Value *y =
        isReal ? fromCompute(e, mean, dtype) : saturateToInteger(e, roundEven(e, mean), dtype);
    code.emit(e, point, {y});
  };
}

PointCode normPoint(const WindowPlan &plan, DType dtype, int64_t p) {
  return [code = plan.code, x = plan.views.x, dtype, p](KernelEmitter &e, const Point &point,
                                                        WindowLoops &loops) {
    DType acc = computeType(dtype);
    Value *zero = llvm::Constant::getNullValue(e.vectorType(acc, point.lanes));
    auto sum = loops.fold(
        point, {zero}, [&](Value *offset, const Values &, const Values &values) -> Values {
          Value *a = absolute(e, toCompute(e, point.at(x, offset).load(x), dtype));
          if (p == 1)
            return {e.b.CreateFAdd(values[0], a)};
          if (p == 2)
            return {e.multiplyAdd(a, a, values[0])};
          Value *power = powOf(e, a, floatLike(a, static_cast<double>(p)));
          return {e.b.CreateFAdd(values[0], power)};
        });
    Value *y = sum[0];
    if (p == 2)
      y = squareRoot(e, y);
    else if (p != 1)
      y = powOf(e, y, floatLike(y, 1.0 / static_cast<double>(p)));
    code.emit(e, point, {fromCompute(e, y, dtype)});
  };
}

} // namespace

Expected<void> planPooling(const Op &op, const Op &anchor, PlanContext &context) {
  const edgecc::Value &x = outerValue(op, *anchor.operand(0));
  DType dtype = x.type.dtype;
  auto windows = poolWindows(anchor, x.dims());
  return planWindows(
      op, anchor, windows, context, [&](WindowPlan &plan, KernelBuilder &kernel) -> PointCode {
        plan.nest.widest =
            std::max(plan.nest.widest, isFloat(dtype) ? bitWidth(computeType(dtype)) / 8
                                       : anchor.kind() == OpKind::MaxPool ? 1u
                                                                          : 8u);
        switch (anchor.kind()) {
        case OpKind::MaxPool:
          if (&op == &anchor && op.numResults() > 1)
            return maxWithPositions(plan, op, windows, kernel);
          return maxPoint(plan, dtype);
        case OpKind::AveragePool:
          return averagePoint(plan, dtype, anchor.flag("count_include_pad"));
        default:
          return normPoint(plan, dtype, anchor.integer("p"));
        }
      });
}

// y = x / (bias + alpha / size * sum of squares over neighbouring channels)^beta
Expected<void> planLrn(const Op &op, const Op &anchor, PlanContext &context) {
  const edgecc::Value &x = outerValue(op, *anchor.operand(0));
  DType dtype = x.type.dtype;
  int64_t size = anchor.integer("size"), channels = x.dims()[1];
  std::vector<WindowAxis> windows{
      {1, channels, size, 1, 1, (size - 1) / 2, size - 1 - (size - 1) / 2}};
  return planWindows(
      op, anchor, windows, context, [&](WindowPlan &plan, KernelBuilder &kernel) -> PointCode {
        unsigned centre = plan.nest.addView({kernel.addArg(x), dtype, stridesOf(x), 0, {}});
        plan.nest.widest = std::max(plan.nest.widest, bitWidth(computeType(dtype)) / 8);
        double alpha = anchor.real("alpha") / static_cast<double>(size);
        double beta = anchor.real("beta"), bias = anchor.real("bias");
        return [=, code = plan.code, view = plan.views.x](KernelEmitter &e, const Point &point,
                                                          WindowLoops &loops) {
          Value *zero = llvm::Constant::getNullValue(e.vectorType(computeType(dtype), point.lanes));
          auto sum = loops.fold(
              point, {zero}, [&](Value *offset, const Values &, const Values &values) -> Values {
                Value *element = toCompute(e, point.at(view, offset).load(view), dtype);
                return {e.multiplyAdd(element, element, values[0])};
              });
          Value *base =
              e.b.CreateFAdd(e.b.CreateFMul(sum[0], floatLike(zero, alpha)), floatLike(zero, bias));
          // The exponent of the original paper needs only roots.
          Value *power = beta == 0.75 ? squareRoot(e, e.b.CreateFMul(base, squareRoot(e, base)))
                                      : powOf(e, base, floatLike(base, beta));
          Value *y = e.b.CreateFDiv(toCompute(e, point.load(centre), dtype), power);
          code.emit(e, point, {fromCompute(e, y, dtype)});
        };
      });
}

} // namespace edgecc::native
