// Reduce* and ArgMax/ArgMin. f16 and bf16 accumulate in f32, integers in 64 bits.
#include "backends/native/elementwise/Emitters.h"
#include "backends/native/loops/Rows.h"

#include <algorithm>

namespace edgecc::native {

using llvm::Value;

namespace {

bool isReal(OpKind kind) { // computed in f64 for integers
  return kind == OpKind::ReduceL2 || kind == OpKind::ReduceLogSum ||
         kind == OpKind::ReduceLogSumExp;
}

DType accumulatorOf(const Op &anchor, DType dtype) {
  if (isFloat(dtype) || dtype == DType::Bool)
    return computeType(dtype);
  if (isReal(anchor.kind()))
    return DType::F64;
  if (anchor.kind() == OpKind::ReduceSum && anchor.flag("widen"))
    return DType::I32;
  return isSigned(dtype) ? DType::I64 : DType::U64;
}

class Reducer {
public:
  Reducer(NestEmitter &loops, const Op &anchor, DType dtype, unsigned x)
      : loops_(loops), e_(loops.e), kind_(anchor.kind()), dtype_(dtype),
        to_(anchor.result()->type.dtype), acc_(accumulatorOf(anchor, dtype)), x_(x),
        count_(loops.plan.reducedPoints()) {}

  Value *reduce(const Point &row) {
    Value *result = kind_ == OpKind::ReduceLogSumExp ? logSumExp(row) : finish(accumulate(row));
    if (acc_ == to_)
      return result;
    return acc_ == computeType(dtype_) ? fromCompute(e_, result, dtype_)
                                       : convert(e_, result, acc_, to_);
  }

private:
  bool isFloatAcc() const { return isFloat(acc_); }
  Value *constant(unsigned lanes, int64_t value) {
    llvm::Type *type = e_.vectorType(acc_, lanes);
    return isFloatAcc() ? llvm::ConstantFP::get(type, static_cast<double>(value))
                        : llvm::ConstantInt::get(type, static_cast<uint64_t>(value), true);
  }
  Value *identity(unsigned lanes) {
    switch (kind_) {
    case OpKind::ReduceMax:
      return lowestValue(e_, acc_ == DType::Bool || isFloatAcc() ? acc_ : dtype_, lanes, acc_);
    case OpKind::ReduceMin:
      return highestValue(e_, acc_ == DType::Bool || isFloatAcc() ? acc_ : dtype_, lanes, acc_);
    case OpKind::ReduceProd:
      return constant(lanes, 1);
    default:
      return constant(lanes, 0);
    }
  }
  Value *combine(Value *a, Value *b) {
    switch (kind_) {
    case OpKind::ReduceMax:
      return maximum(e_, acc_, a, b);
    case OpKind::ReduceMin:
      return minimum(e_, acc_, a, b);
    case OpKind::ReduceProd:
      return isFloatAcc() ? e_.b.CreateFMul(a, b) : e_.b.CreateMul(a, b);
    default:
      return isFloatAcc() ? e_.b.CreateFAdd(a, b) : e_.b.CreateAdd(a, b);
    }
  }
  Value *step(Value *acc, Value *x) {
    switch (kind_) {
    case OpKind::ReduceL1:
      if (isFloatAcc())
        x = absolute(e_, x);
      else if (isSigned(acc_))
        x = e_.b.CreateSelect(e_.b.CreateICmpSLT(x, intLike(x, 0)), e_.b.CreateNeg(x), x);
      return combine(acc, x);
    case OpKind::ReduceL2:
    case OpKind::ReduceSumSquare:
      return isFloatAcc() ? e_.multiplyAdd(x, x, acc) : e_.b.CreateAdd(acc, e_.b.CreateMul(x, x));
    default:
      return combine(acc, x);
    }
  }
  Value *load(const Point &point) { return convert(e_, point.load(x_), dtype_, acc_); }

  Value *accumulate(const Point &row) {
    unsigned lanes = loops_.foldLanes(row);
    auto carried = loops_.fold(
        row, {identity(lanes)},
        [&](const Point &point, const std::vector<Value *> &values) -> std::vector<Value *> {
          Value *x = loops_.mask(point, load(point), identity(point.lanes));
          return {step(values[0], x)};
        });
    return loops_.combine(row, carried[0], [&](Value *a, Value *b) { return combine(a, b); });
  }

  Value *finish(Value *sum) {
    switch (kind_) {
    case OpKind::ReduceMean: {
      if (isFloatAcc())
        return e_.b.CreateFDiv(sum, floatLike(sum, static_cast<double>(count_)));
      if (count_ == 0)
        return intLike(sum, 0);
      Value *n = intLike(sum, count_);
      return isSigned(acc_) ? e_.b.CreateSDiv(sum, n) : e_.b.CreateUDiv(sum, n);
    }
    case OpKind::ReduceL2:
      return squareRoot(e_, sum);
    case OpKind::ReduceLogSum:
      return logOf(e_, sum);
    default:
      return sum;
    }
  }

  // log(sum of exp(x - m)) + m with m the maximum, or 0 where that is infinite.
  Value *logSumExp(const Point &row) {
    unsigned lanes = loops_.foldLanes(row);
    auto most = loops_.fold(
        row, {lowestValue(e_, acc_, lanes)},
        [&](const Point &point, const std::vector<Value *> &values) -> std::vector<Value *> {
          Value *x = loops_.mask(point, load(point), lowestValue(e_, acc_, point.lanes));
          return {maximum(e_, acc_, values[0], x)};
        });
    auto larger = [&](Value *a, Value *b) { return maximum(e_, acc_, a, b); };
    Value *m = loops_.combine(row, most[0], larger);
    Value *infinity = llvm::ConstantFP::getInfinity(m->getType());
    Value *shift =
        e_.b.CreateSelect(e_.b.CreateFCmpOEQ(absolute(e_, m), infinity), floatLike(m, 0), m);
    auto sum = loops_.fold(
        row, {llvm::Constant::getNullValue(e_.vectorType(acc_, lanes))},
        [&](const Point &point, const std::vector<Value *> &values) -> std::vector<Value *> {
          Value *shifted = e_.b.CreateFSub(load(point), loops_.spread(point, shift));
          Value *term = loops_.mask(point, expOf(e_, shifted), floatLike(shifted, 0));
          return {e_.b.CreateFAdd(values[0], term)};
        });
    Value *total =
        loops_.combine(row, sum[0], [&](Value *a, Value *b) { return e_.b.CreateFAdd(a, b); });
    return e_.b.CreateFAdd(logOf(e_, total), shift);
  }

  // The extreme value of `of` as a register of `in`.
  Value *lowestValue(KernelEmitter &e, DType of, unsigned lanes, DType in) {
    return extreme(e, edgecc::native::lowestValue(e, of, 1), of, lanes, in);
  }
  Value *highestValue(KernelEmitter &e, DType of, unsigned lanes, DType in) {
    return extreme(e, edgecc::native::highestValue(e, of, 1), of, lanes, in);
  }
  Value *lowestValue(KernelEmitter &e, DType of, unsigned lanes) {
    return edgecc::native::lowestValue(e, of, lanes);
  }
  Value *extreme(KernelEmitter &e, Value *scalar, DType of, unsigned lanes, DType in) {
    return e.splat(convert(e, scalar, of, in), lanes);
  }

  NestEmitter &loops_;
  KernelEmitter &e_;
  OpKind kind_;
  DType dtype_, to_, acc_; // of the operand, the result and the accumulator
  unsigned x_;
  int64_t count_;
};

std::vector<bool> reducedAxes(const Op &anchor, size_t rank) {
  std::vector<bool> reduced(rank, false);
  for (int64_t axis : anchor.ints("axes"))
    reduced[static_cast<size_t>(axis)] = true;
  return reduced;
}

// The axis of x for each axis of the result.
std::vector<int> keptLoops(const Op &anchor, const std::vector<bool> &reduced) {
  std::vector<int> loopOf;
  for (size_t i = 0; i < reduced.size(); ++i) {
    if (!reduced[i])
      loopOf.push_back(static_cast<int>(i));
    else if (anchor.flag("keepdims"))
      loopOf.push_back(-1);
  }
  return loopOf;
}

} // namespace

Expected<void> planReduction(const Op &op, const Op &anchor, PlanContext &context) {
  if (anchor.result()->type.elements() == 0)
    return {};
  const edgecc::Value &x = outerValue(op, *anchor.operand(0));
  KernelBuilder kernel(context, std::string(anchor.name()));
  auto reduced = reducedAxes(anchor, x.dims().size());
  EDGECC_TRY(rows, RowPlan::create(op, anchor, reduced, keptLoops(anchor, reduced), kernel));
  rows.nest.widest = std::max(rows.nest.widest, bitWidth(accumulatorOf(anchor, x.type.dtype)) / 8);
  PlannedNest plan(std::move(rows.nest), context.target);
  kernel.finish(
      signatureOf(op) + rows.code.key() + plan.key(), plan.units(),
      [&anchor, plan, code = rows.code, view = rows.x, dtype = x.type.dtype](KernelEmitter &e) {
        NestEmitter loops(e, plan);
        loops.run([&](const Point &row) {
          code.emit(e, row, {Reducer(loops, anchor, dtype, view).reduce(row)});
        });
      });
  return {};
}

namespace {

// The better of two (value, position) pairs: the larger (smaller) value, NaN above all; of equals
// the lower position, or the higher if `last`.
struct Best {
  Value *value, *position;
};

Best better(KernelEmitter &e, DType dtype, Best a, Best c, bool isMax, bool last) {
  auto &b = e.b;
  bool isFloatType = a.value->getType()->getScalarType()->isFloatingPointTy();
  Value *wins = isMax ? lessThan(e, dtype, a.value, c.value) : lessThan(e, dtype, c.value, a.value);
  Value *equal = equalTo(e, dtype, a.value, c.value);
  if (isFloatType) {
    Value *aNaN = isNaN(e, a.value), *cNaN = isNaN(e, c.value);
    wins = b.CreateOr(wins, b.CreateAnd(cNaN, b.CreateNot(aNaN)));
    equal = b.CreateOr(equal, b.CreateAnd(aNaN, cNaN));
  }
  Value *earlier =
      last ? b.CreateICmpSGT(c.position, a.position) : b.CreateICmpSLT(c.position, a.position);
  Value *take = b.CreateOr(wins, b.CreateAnd(equal, earlier));
  return {b.CreateSelect(take, c.value, a.value), b.CreateSelect(take, c.position, a.position)};
}

} // namespace

Expected<void> planArgReduction(const Op &op, const Op &anchor, PlanContext &context) {
  if (anchor.result()->type.elements() == 0)
    return {};
  const edgecc::Value &x = outerValue(op, *anchor.operand(0));
  KernelBuilder kernel(context, std::string(anchor.name()));
  auto reduced = reducedAxes(anchor, x.dims().size());
  EDGECC_TRY(rows, RowPlan::create(op, anchor, reduced, keptLoops(anchor, reduced), kernel));
  View positions{0, DType::I64, Dims(x.dims().size(), 0), 0, {}, true};
  positions.strides[static_cast<size_t>(anchor.ints("axes")[0])] = 1;
  unsigned iota = rows.nest.addView(std::move(positions));
  PlannedNest plan(std::move(rows.nest), context.target);
  bool isMax = anchor.kind() == OpKind::ArgMax, last = anchor.flag("select_last_index");
  DType dtype = x.type.dtype;
  auto emit = [=, code = rows.code, view = rows.x](KernelEmitter &e) {
    NestEmitter loops(e, plan);
    DType compute = computeType(dtype);
    loops.run([&](const Point &row) {
      unsigned lanes = loops.foldLanes(row);
      // A position that loses against every other.
      Value *nowhere = llvm::ConstantInt::get(e.vectorType(DType::I64, lanes),
                                              static_cast<uint64_t>(last ? -1 : INT64_MAX), true);
      Value *worst = isMax ? lowestValue(e, dtype, lanes) : highestValue(e, dtype, lanes);
      auto best = loops.fold(
          row, {worst, nowhere},
          [&](const Point &point, const std::vector<Value *> &values) -> std::vector<Value *> {
            Best candidate{toCompute(e, point.load(view), dtype), point.load(iota)};
            candidate.value = loops.mask(point, candidate.value, worst);
            candidate.position = loops.mask(point, candidate.position, nowhere);
            Best next = better(e, compute, {values[0], values[1]}, candidate, isMax, last);
            return {next.value, next.position};
          });
      Best result{best[0], best[1]};
      if (plan.alongReduced()) // a tree over pairs of lanes
        for (unsigned half = kFoldLanes / 2; half >= 1; half /= 2) {
          llvm::SmallVector<int> low, high;
          for (unsigned i = 0; i < half; ++i) {
            low.push_back(static_cast<int>(i));
            high.push_back(static_cast<int>(half + i));
          }
          auto part = [&](Value *v, llvm::ArrayRef<int> mask) {
            Value *half = e.b.CreateShuffleVector(v, mask);
            return mask.size() == 1 ? e.b.CreateExtractElement(half, uint64_t{0}) : half;
          };
          result = better(e, compute, {part(result.value, low), part(result.position, low)},
                          {part(result.value, high), part(result.position, high)}, isMax, last);
        }
      code.emit(e, row, {result.position});
    });
  };
  kernel.finish(signatureOf(op) + rows.code.key() + plan.key(), plan.units(), emit);
  return {};
}

} // namespace edgecc::native
