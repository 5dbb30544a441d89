// Softmax, LogSoftmax, Hardmax along any axis; running sums and products.
#include "backends/native/elementwise/Emitters.h"
#include "backends/native/loops/Rows.h"

#include <algorithm>

namespace edgecc::native {

using llvm::Value;

namespace {

class SoftmaxEmitter {
public:
  SoftmaxEmitter(NestEmitter &loops, OpKind kind, const RegionCode &code, DType dtype, unsigned x,
                 unsigned iota, bool reuseResult)
      : loops_(loops), e_(loops.e), kind_(kind), code_(code), dtype_(dtype),
        acc_(computeType(dtype)), x_(x), iota_(iota), reuseResult_(reuseResult) {}

  void row(const Point &row) {
    if (kind_ == OpKind::Hardmax)
      hardmax(row);
    else
      softmax(row);
  }

private:
  using Values = std::vector<Value *>;
  Value *load(const Point &point) { return toCompute(e_, point.load(x_), dtype_); }

  // A NaN may be lost here; the sum of exponentials finds it again.
  Value *larger(Value *a, Value *b) { return e_.b.CreateSelect(e_.b.CreateFCmpOGT(a, b), a, b); }

  Value *maximumOf(const Point &row) {
    Value *lowest = lowestValue(e_, acc_, loops_.foldLanes(row));
    auto most = loops_.fold(row, {lowest}, [&](const Point &point, const Values &values) -> Values {
      return {larger(values[0], loops_.mask(point, load(point), lowest))};
    });
    return loops_.combine(row, most[0], [&](Value *a, Value *b) { return larger(a, b); });
  }

  void softmax(const Point &row) {
    Value *most = maximumOf(row);
    Value *zero = llvm::Constant::getNullValue(e_.vectorType(acc_, loops_.foldLanes(row)));
    // The exponentials wait in the result where it can hold them.
    auto sums = loops_.fold(row, {zero}, [&](const Point &point, const Values &values) -> Values {
      Value *term = expOf(e_, e_.b.CreateFSub(load(point), loops_.spread(point, most)));
      if (reuseResult_)
        point.store(code_.resultView(), term);
      return {e_.b.CreateFAdd(values[0], loops_.mask(point, term, zero))};
    });
    Value *sum =
        loops_.combine(row, sums[0], [&](Value *a, Value *b) { return e_.b.CreateFAdd(a, b); });
    Value *logSum = kind_ == OpKind::LogSoftmax ? logOf(e_, sum) : nullptr;
    loops_.each(row, [&](const Point &point) {
      Value *y;
      if (reuseResult_) {
        y = e_.b.CreateFDiv(point.load(code_.resultView()), loops_.spread(point, sum));
      } else {
        Value *shifted = e_.b.CreateFSub(load(point), loops_.spread(point, most));
        y = logSum ? e_.b.CreateFSub(shifted, loops_.spread(point, logSum))
                   : e_.b.CreateFDiv(expOf(e_, shifted), loops_.spread(point, sum));
      }
      code_.emit(e_, point, {fromCompute(e_, y, dtype_)});
    });
  }

  // The lowest position of the maximum: the maximum first, then where it is.
  void hardmax(const Point &row) {
    Value *most = maximumOf(row);
    Value *nowhere =
        llvm::ConstantInt::get(e_.vectorType(DType::I64, loops_.foldLanes(row)), INT64_MAX);
    auto lower = [&](Value *a, Value *b) {
      return e_.b.CreateSelect(e_.b.CreateICmpSLT(a, b), a, b);
    };
    auto first =
        loops_.fold(row, {nowhere}, [&](const Point &point, const Values &values) -> Values {
          Value *isMost = e_.b.CreateFCmpOEQ(load(point), loops_.spread(point, most));
          Value *at = e_.b.CreateSelect(isMost, point.load(iota_), nowhere);
          return {lower(values[0], loops_.mask(point, at, nowhere))};
        });
    Value *position = loops_.combine(row, first[0], lower);
    loops_.each(row, [&](const Point &point) {
      Value *hit = e_.b.CreateICmpEQ(point.load(iota_), loops_.spread(point, position));
      Value *y = e_.b.CreateUIToFP(hit, e_.vectorType(acc_, point.lanes));
      code_.emit(e_, point, {fromCompute(e_, y, dtype_)});
    });
  }

  NestEmitter &loops_;
  KernelEmitter &e_;
  OpKind kind_;
  const RegionCode &code_;
  DType dtype_, acc_;
  unsigned x_, iota_;
  bool reuseResult_;
};

} // namespace

Expected<void> planSoftmax(const Op &op, const Op &anchor, PlanContext &context) {
  if (anchor.result()->type.elements() == 0)
    return {};
  const edgecc::Value &x = outerValue(op, *anchor.operand(0));
  KernelBuilder kernel(context, std::string(anchor.name()));
  size_t rank = x.dims().size();
  std::vector<bool> reduced(rank, false);
  reduced[static_cast<size_t>(anchor.integer("axis"))] = true;
  EDGECC_TRY(rows, RowPlan::create(op, anchor, reduced, identityLoops(rank), kernel));
  View positions{0, DType::I64, Dims(rank, 0), 0, {}, true};
  positions.strides[static_cast<size_t>(anchor.integer("axis"))] = 1;
  unsigned iota = rows.nest.addView(std::move(positions));
  rows.nest.cost += 8;
  PlannedNest plan(std::move(rows.nest), context.target);
  DType dtype = x.type.dtype;
  bool reuse = &op == &anchor && anchor.kind() == OpKind::Softmax && computeType(dtype) == dtype;
  kernel.finish(signatureOf(op) + rows.code.key() + plan.key(), plan.units(),
                [=, kind = anchor.kind(), code = rows.code, view = rows.x](KernelEmitter &e) {
                  NestEmitter loops(e, plan);
                  SoftmaxEmitter emitter(loops, kind, code, dtype, view, iota, reuse);
                  loops.run([&](const Point &row) { emitter.row(row); });
                });
  return {};
}

Expected<void> planPrefix(const Op &op, PlanContext &context) {
  if (op.result()->type.elements() == 0)
    return {};
  const edgecc::Value &x = *op.operand(0), &y = *op.result();
  auto axis = static_cast<size_t>(op.integer("axis"));
  KernelBuilder kernel(context, std::string(op.name()));
  Nest nest;
  nest.extents = x.dims();
  nest.reduced.assign(x.dims().size(), false);
  nest.reduced[axis] = true;
  nest.sequential = true;
  DType dtype = x.type.dtype, acc = computeType(dtype);
  nest.widest = bitWidth(acc) / 8;
  auto addView = [&](const edgecc::Value &value, bool written) {
    View view{kernel.addArg(value), dtype, stridesOf(value), 0, {}};
    if (op.flag("reverse")) {
      view.offset = (x.dims()[axis] - 1) * view.strides[axis];
      view.strides[axis] = -view.strides[axis];
    }
    view.written = written;
    return nest.addView(std::move(view));
  };
  unsigned result = addView(y, true), operand = addView(x, false);
  PlannedNest plan(std::move(nest), context.target);
  bool isSum = op.kind() == OpKind::CumSum, exclusive = op.flag("exclusive");
  kernel.finish(signatureOf(op) + plan.key(), plan.units(), [=](KernelEmitter &e) {
    NestEmitter loops(e, plan);
    loops.run([&](const Point &row) {
      llvm::Type *type = e.vectorType(acc, row.lanes);
      bool isReal = type->getScalarType()->isFloatingPointTy();
      Value *start = llvm::Constant::getNullValue(type);
      if (!isSum)
        start = isReal ? llvm::ConstantFP::get(type, 1.0)
                       : static_cast<Value *>(llvm::ConstantInt::get(type, 1));
      loops.fold(row, {start},
                 [&](const Point &point, const std::vector<Value *> &v) -> std::vector<Value *> {
                   Value *element = toCompute(e, point.load(operand), dtype), *next;
                   if (isSum)
                     next = isReal ? e.b.CreateFAdd(v[0], element) : e.b.CreateAdd(v[0], element);
                   else
                     next = isReal ? e.b.CreateFMul(v[0], element) : e.b.CreateMul(v[0], element);
                   point.store(result, fromCompute(e, exclusive ? v[0] : next, dtype));
                   return {next};
                 });
    });
  });
  return {};
}

} // namespace edgecc::native
