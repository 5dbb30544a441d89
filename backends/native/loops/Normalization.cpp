// Normalisations: statistics over some axes, then an affine map of every element. The variance is
// the mean square of the differences from the mean, in a pass of its own.
#include "backends/native/elementwise/Emitters.h"
#include "backends/native/loops/Rows.h"

#include <algorithm>

namespace edgecc::native {

using llvm::Value;

namespace {

constexpr unsigned kNone = ~0u;

struct AffineView {
  unsigned view = kNone;
  DType dtype = DType::F32;
};

// What a normalisation reads and writes beside x, as views of its nest.
struct NormalizationViews {
  unsigned x = 0;
  DType dtype = DType::F32;
  AffineView scale, bias;
  unsigned mean = kNone, inverse = kNone; // further results of LayerNormalization
  bool centered = true;                   // the mean is subtracted (all but RMS)
  double epsilon = 0;
};

class NormalizationEmitter {
public:
  using Store = std::function<void(const Point &, Value *)>;
  NormalizationEmitter(NestEmitter &loops, const NormalizationViews &views, Store store)
      : loops_(loops), e_(loops.e), v_(views), acc_(computeType(views.dtype)),
        store_(std::move(store)) {}

  void row(const Point &row) {
    auto count = static_cast<double>(loops_.plan.reducedPoints());
    Value *mean = nullptr;
    if (v_.centered) {
      Value *sum = sumOf(row, [&](const Point &point, Value *acc) {
        return e_.b.CreateFAdd(acc, loops_.mask(point, load(point), zero(point.lanes)));
      });
      mean = e_.b.CreateFDiv(sum, floatLike(sum, count));
    }
    Value *squares = sumOf(row, [&](const Point &point, Value *acc) {
      Value *d = loops_.mask(point, centre(point, mean), zero(point.lanes));
      return e_.multiplyAdd(d, d, acc);
    });
    Value *variance = e_.b.CreateFDiv(squares, floatLike(squares, count));
    Value *deviation = squareRoot(e_, e_.b.CreateFAdd(variance, floatLike(variance, v_.epsilon)));
    Value *inverse = e_.b.CreateFDiv(floatLike(deviation, 1.0), deviation);
    if (v_.mean != kNone)
      row.store(v_.mean, mean);
    if (v_.inverse != kNone)
      row.store(v_.inverse, inverse);
    loops_.each(row, [&](const Point &point) {
      Value *y = e_.b.CreateFMul(centre(point, mean), loops_.spread(point, inverse));
      if (v_.scale.view != kNone)
        y = e_.b.CreateFMul(y, operand(point, v_.scale));
      if (v_.bias.view != kNone)
        y = e_.b.CreateFAdd(y, operand(point, v_.bias));
      store_(point, fromCompute(e_, y, v_.dtype));
    });
  }

private:
  Value *zero(unsigned lanes) { return llvm::Constant::getNullValue(e_.vectorType(acc_, lanes)); }
  Value *load(const Point &point) { return toCompute(e_, point.load(v_.x), v_.dtype); }
  Value *operand(const Point &point, const AffineView &view) {
    return convert(e_, point.load(view.view), view.dtype, acc_);
  }
  Value *centre(const Point &point, Value *mean) {
    Value *x = load(point);
    return mean ? e_.b.CreateFSub(x, loops_.spread(point, mean)) : x;
  }
  Value *sumOf(const Point &row, const std::function<Value *(const Point &, Value *)> &step) {
    auto sum = loops_.fold(
        row, {zero(loops_.foldLanes(row))},
        [&](const Point &point, const std::vector<Value *> &values) -> std::vector<Value *> {
          return {step(point, values[0])};
        });
    return loops_.combine(row, sum[0], [&](Value *a, Value *b) { return e_.b.CreateFAdd(a, b); });
  }

  NestEmitter &loops_;
  KernelEmitter &e_;
  const NormalizationViews &v_;
  DType acc_;
  Store store_;
};

// Channel groups become a loop of their own, so that a group's channels can be reduced.
Expected<void> planGroupNormalization(const Op &op, const Op &anchor, PlanContext &context) {
  if (&op != &anchor)
    return error("nothing can follow GroupNormalization in a fused group", op.location);
  const edgecc::Value &x = *op.operand(0), &y = *op.result();
  int64_t groups = op.integer("num_groups"), perGroup = x.dims()[1] / groups;
  KernelBuilder kernel(context, std::string(op.name()));
  Nest nest;
  nest.extents = x.dims();
  nest.extents[1] = groups;
  nest.extents.insert(nest.extents.begin() + 2, perGroup);
  nest.reduced.assign(nest.extents.size(), true);
  nest.reduced[0] = nest.reduced[1] = false;
  nest.widest = 4;
  nest.cost = 4;
  auto split = [&](const Dims &strides, size_t axis) {
    Dims out = strides;
    out[axis] *= perGroup;
    out.insert(out.begin() + static_cast<std::ptrdiff_t>(axis) + 1, strides[axis]);
    return out;
  };
  auto addChannels = [&](const edgecc::Value &value) -> AffineView {
    Dims strides(nest.extents.size(), 0);
    strides[1] = stridesOf(value)[0] * perGroup;
    strides[2] = stridesOf(value)[0];
    return {nest.addView({kernel.addArg(value), value.type.dtype, strides, 0, {}}),
            value.type.dtype};
  };
  NormalizationViews views;
  unsigned result =
      nest.addView({kernel.addArg(y), y.type.dtype, split(stridesOf(y), 1), 0, {}, false, true});
  views.x = nest.addView({kernel.addArg(x), x.type.dtype, split(stridesOf(x), 1), 0, {}});
  views.dtype = x.type.dtype;
  views.scale = addChannels(*op.operand(1));
  views.bias = addChannels(*op.operand(2));
  views.epsilon = op.real("epsilon");
  nest.order = views.x;
  PlannedNest plan(std::move(nest), context.target);
  kernel.finish(signatureOf(op) + plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter loops(e, plan);
    NormalizationEmitter emitter(
        loops, views, [&](const Point &point, Value *value) { point.store(result, value); });
    loops.run([&](const Point &row) { emitter.row(row); });
  });
  return {};
}

} // namespace

Expected<void> planNormalization(const Op &op, const Op &anchor, PlanContext &context) {
  if (anchor.result()->type.elements() == 0)
    return {};
  if (anchor.kind() == OpKind::GroupNormalization)
    return planGroupNormalization(op, anchor, context);
  const edgecc::Value &x = outerValue(op, *anchor.operand(0));
  size_t rank = x.dims().size();
  bool isInstance = anchor.kind() == OpKind::InstanceNormalization;
  size_t first = isInstance ? 2 : static_cast<size_t>(anchor.integer("axis"));
  std::vector<bool> reduced(rank, false);
  std::fill(reduced.begin() + static_cast<std::ptrdiff_t>(first), reduced.end(), true);
  KernelBuilder kernel(context, std::string(anchor.name()));
  EDGECC_TRY(rows, RowPlan::create(op, anchor, reduced, identityLoops(rank), kernel));
  NormalizationViews views;
  views.x = rows.x;
  views.dtype = x.type.dtype;
  views.centered = anchor.kind() != OpKind::RMSNormalization;
  views.epsilon = anchor.real("epsilon");
  auto addAffine = [&](unsigned i) -> AffineView {
    const edgecc::Value *operand = anchor.operand(i);
    if (!operand)
      return {};
    // Channels for instances; else the rightmost axes.
    std::vector<int> loopOf;
    size_t own = operand->dims().size();
    for (size_t axis = 0; axis < own; ++axis)
      loopOf.push_back(isInstance ? 1 : static_cast<int>(rank - own + axis));
    return {rows.addOperand(op, *operand, loopOf, kernel), operand->type.dtype};
  };
  views.scale = addAffine(1);
  views.bias = addAffine(2);
  if (&op == &anchor)
    for (unsigned r = 1; r < op.numResults(); ++r) {
      const edgecc::Value &result = *op.result(r);
      View view{kernel.addArg(result), result.type.dtype, stridesOf(result), 0, {}, false, true};
      for (size_t axis = first; axis < rank; ++axis)
        view.strides[axis] = 0;
      (r == 1 ? views.mean : views.inverse) = rows.nest.addView(std::move(view));
    }
  rows.nest.cost += 3;
  PlannedNest plan(std::move(rows.nest), context.target);
  kernel.finish(signatureOf(op) + rows.code.key() + plan.key(), plan.units(),
                [=, code = rows.code](KernelEmitter &e) {
                  NestEmitter loops(e, plan);
                  NormalizationEmitter emitter(loops, views, [&](const Point &point, Value *value) {
                    code.emit(e, point, {value});
                  });
                  loops.run([&](const Point &row) { emitter.row(row); });
                });
  return {};
}

Expected<void> planBatchNormalization(const Op &op, const Op &anchor, PlanContext &context) {
  if (anchor.result()->type.elements() == 0)
    return {};
  const edgecc::Value &x = outerValue(op, *anchor.operand(0));
  KernelBuilder kernel(context, std::string(anchor.name()));
  EDGECC_TRY(rows, RowPlan::create(op, anchor, std::vector<bool>(x.dims().size(), false),
                                   identityLoops(x.dims().size()), kernel));
  std::vector<std::pair<unsigned, DType>> operands; // scale, bias, mean, variance
  for (unsigned i = 1; i < 5; ++i)
    operands.emplace_back(rows.addOperand(op, *anchor.operand(i), {1}, kernel),
                          anchor.operand(i)->type.dtype);
  rows.nest.order = rows.code.resultView();
  rows.nest.cost += 4;
  rows.nest.widest = std::max(4u, rows.nest.widest);
  PlannedNest plan(std::move(rows.nest), context.target);
  DType dtype = x.type.dtype, acc = computeType(dtype);
  double epsilon = anchor.real("epsilon");
  kernel.finish(signatureOf(op) + rows.code.key() + plan.key(), plan.units(),
                [=, code = rows.code, view = rows.x](KernelEmitter &e) {
                  NestEmitter(e, plan).run([&](const Point &point) {
                    auto load = [&](size_t i) {
                      return convert(e, point.load(operands[i].first), operands[i].second, acc);
                    };
                    Value *value = toCompute(e, point.load(view), dtype);
                    Value *variance = load(3);
                    Value *deviation =
                        squareRoot(e, e.b.CreateFAdd(variance, floatLike(variance, epsilon)));
                    Value *y = e.b.CreateFDiv(e.b.CreateFSub(value, load(2)), deviation);
                    y = e.b.CreateFAdd(e.b.CreateFMul(y, load(0)), load(1));
                    code.emit(e, point, {fromCompute(e, y, dtype)});
                  });
                });
  return {};
}

} // namespace edgecc::native
