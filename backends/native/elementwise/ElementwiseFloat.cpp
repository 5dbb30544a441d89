#include "backends/native/elementwise/Emitters.h"

#include <cmath>

namespace edgecc::native {

using llvm::Value;

bool isFloatOp(OpKind kind) {
  switch (kind) {
  case OpKind::Abs:
  case OpKind::Acos:
  case OpKind::Acosh:
  case OpKind::Asin:
  case OpKind::Asinh:
  case OpKind::Atan:
  case OpKind::Atanh:
  case OpKind::Ceil:
  case OpKind::Cos:
  case OpKind::Cosh:
  case OpKind::Erf:
  case OpKind::Exp:
  case OpKind::Floor:
  case OpKind::IsInf:
  case OpKind::IsNaN:
  case OpKind::Log:
  case OpKind::Neg:
  case OpKind::Reciprocal:
  case OpKind::Round:
  case OpKind::Sign:
  case OpKind::Sin:
  case OpKind::Sinh:
  case OpKind::Sqrt:
  case OpKind::Tan:
  case OpKind::Celu:
  case OpKind::Elu:
  case OpKind::Gelu:
  case OpKind::HardSigmoid:
  case OpKind::HardSwish:
  case OpKind::LeakyRelu:
  case OpKind::Mish:
  case OpKind::PRelu:
  case OpKind::Selu:
  case OpKind::Shrink:
  case OpKind::Sigmoid:
  case OpKind::Softplus:
  case OpKind::Softsign:
  case OpKind::Swish:
  case OpKind::Tanh:
  case OpKind::ThresholdedRelu:
  case OpKind::Add:
  case OpKind::Sub:
  case OpKind::Mul:
  case OpKind::Div:
  case OpKind::Mod:
  case OpKind::Pow:
    return true;
  default:
    return false;
  }
}

Value *callScalar(KernelEmitter &e, const char *function, Operands x) {
  auto &b = e.b;
  std::vector<llvm::Type *> types(x.size(), b.getDoubleTy());
  llvm::FunctionCallee callee = e.module().getOrInsertFunction(
      function, llvm::FunctionType::get(b.getDoubleTy(), types, false));
  unsigned lanes = lanesOf(x[0]);
  if (lanes == 1)
    return b.CreateCall(callee, llvm::ArrayRef(x.data(), x.size()));
  Value *result = llvm::PoisonValue::get(x[0]->getType());
  for (unsigned i = 0; i < lanes; ++i) {
    std::vector<Value *> arguments;
    for (Value *operand : x)
      arguments.push_back(b.CreateExtractElement(operand, i));
    result = b.CreateInsertElement(result, b.CreateCall(callee, arguments), i);
  }
  return result;
}

namespace {

// Arithmetic on one compute type; functions of f64 are calls.
class FloatEmitter {
public:
  FloatEmitter(KernelEmitter &e, Value *shape)
      : e_(e), b_(e.b), shape_(shape), wide_(shape->getType()->getScalarType()->isDoubleTy()) {}

  Value *c(double value) { return floatLike(shape_, value); }

  using Function = Value *(*)(KernelEmitter &, Value *);
  Value *call(Function function, const char *wideName, Value *x) {
    return wide_ ? callScalar(e_, wideName, std::span<Value *const>(&x, 1)) : function(e_, x);
  }
  Value *exp(Value *x) { return call(math::exp, "edgecc_support_exp", x); }
  Value *expm1(Value *x) { return call(math::expm1, "edgecc_support_expm1", x); }
  Value *tanh(Value *x) { return call(math::tanh, "edgecc_support_tanh", x); }
  Value *erf(Value *x) { return call(math::erf, "edgecc_support_erf", x); }
  Value *softplus(Value *x) { return call(math::softplus, "edgecc_support_softplus", x); }
  Value *sigmoid(Value *x) { return call(math::sigmoid, "edgecc_support_sigmoid", x); }

  // min(max(x, low), high); NaN stays.
  Value *clamp(Value *x, double low, double high) {
    x = b_.CreateSelect(b_.CreateFCmpOGT(c(low), x), c(low), x);
    return b_.CreateSelect(b_.CreateFCmpOLT(c(high), x), c(high), x);
  }

  Value *unary(const Op &op, Value *x);
  Value *activation(const Op &op, Operands x);
  Value *binary(const Op &op, Value *x, Value *y);

private:
  Value *negativePart(Value *x, Value *positive, Value *negative) { // x >= 0 or NaN: positive
    return b_.CreateSelect(b_.CreateFCmpOLT(x, c(0)), negative, positive);
  }
  Value *gelu(const Op &op, Value *x);
  Value *power(Value *x, Value *y);
  Value *remainder(const Op &op, Value *x, Value *y);

  KernelEmitter &e_;
  llvm::IRBuilder<> &b_;
  Value *shape_;
  bool wide_;
};

Value *FloatEmitter::unary(const Op &op, Value *x) {
  switch (op.kind()) {
  case OpKind::Abs:
    return absolute(e_, x);
  case OpKind::Acos:
    return call(math::acos, "edgecc_support_acos", x);
  case OpKind::Acosh:
    return call(math::acosh, "edgecc_support_acosh", x);
  case OpKind::Asin:
    return call(math::asin, "edgecc_support_asin", x);
  case OpKind::Asinh:
    return call(math::asinh, "edgecc_support_asinh", x);
  case OpKind::Atan:
    return call(math::atan, "edgecc_support_atan", x);
  case OpKind::Atanh:
    return call(math::atanh, "edgecc_support_atanh", x);
  case OpKind::Ceil:
    return roundUp(e_, x);
  case OpKind::Cos:
    return call(math::cos, "edgecc_support_cos", x);
  case OpKind::Cosh:
    return call(math::cosh, "edgecc_support_cosh", x);
  case OpKind::Erf:
    return erf(x);
  case OpKind::Exp:
    return exp(x);
  case OpKind::Floor:
    return roundDown(e_, x);
  case OpKind::IsNaN:
    return isNaN(e_, x);
  case OpKind::IsInf: {
    llvm::Type *type = x->getType();
    Value *positive = b_.CreateFCmpOEQ(x, llvm::ConstantFP::getInfinity(type));
    Value *negative = b_.CreateFCmpOEQ(x, llvm::ConstantFP::getInfinity(type, true));
    Value *none = llvm::Constant::getNullValue(positive->getType());
    return b_.CreateOr(op.flag("detect_positive") ? positive : none,
                       op.flag("detect_negative") ? negative : none);
  }
  case OpKind::Log:
    return call(math::log, "edgecc_support_log", x);
  case OpKind::Neg:
    return b_.CreateFNeg(x);
  case OpKind::Reciprocal:
    return b_.CreateFDiv(c(1), x);
  case OpKind::Round:
    return roundEven(e_, x);
  case OpKind::Sign: {
    // Zeros and NaN stay as they are.
    Value *isSigned = b_.CreateFCmpONE(x, c(0));
    return b_.CreateSelect(isSigned, copySign(e_, c(1), x), x);
  }
  case OpKind::Sin:
    return call(math::sin, "edgecc_support_sin", x);
  case OpKind::Sinh:
    return call(math::sinh, "edgecc_support_sinh", x);
  case OpKind::Sqrt:
    return squareRoot(e_, x);
  case OpKind::Tan:
    return call(math::tan, "edgecc_support_tan", x);
  default:
    return nullptr;
  }
}

Value *FloatEmitter::gelu(const Op &op, Value *x) {
  Value *half = b_.CreateFMul(x, c(0.5));
  if (!op.flag("tanh"))
    return b_.CreateFMul(half,
                         b_.CreateFAdd(c(1), erf(b_.CreateFMul(x, c(0.70710678118654752440)))));
  Value *cube = b_.CreateFMul(b_.CreateFMul(x, x), x);
  Value *inner = b_.CreateFMul(e_.multiplyAdd(cube, c(0.044715), x), c(0.79788456080286535588));
  return b_.CreateFMul(half, b_.CreateFAdd(c(1), tanh(inner)));
}

Value *FloatEmitter::activation(const Op &op, Operands operands) {
  Value *x = operands[0];
  switch (op.kind()) {
  case OpKind::Celu: {
    double alpha = op.real("alpha");
    Value *negative = b_.CreateFMul(expm1(b_.CreateFDiv(x, c(alpha))), c(alpha));
    Value *low = b_.CreateSelect(b_.CreateFCmpOGT(negative, c(0)), c(0), negative);
    Value *high = b_.CreateSelect(b_.CreateFCmpOGT(c(0), x), c(0), x);
    return b_.CreateFAdd(high, low);
  }
  case OpKind::Elu:
    return negativePart(x, x, b_.CreateFMul(expm1(x), c(op.real("alpha"))));
  case OpKind::Gelu:
    return gelu(op, x);
  case OpKind::HardSigmoid:
    return clamp(b_.CreateFAdd(b_.CreateFMul(x, c(op.real("alpha"))), c(op.real("beta"))), 0, 1);
  case OpKind::HardSwish:
    return b_.CreateFMul(x, clamp(b_.CreateFAdd(b_.CreateFMul(x, c(1.0 / 6)), c(0.5)), 0, 1));
  case OpKind::LeakyRelu:
    return negativePart(x, x, b_.CreateFMul(x, c(op.real("alpha"))));
  case OpKind::Mish:
    return b_.CreateFMul(x, tanh(softplus(x)));
  case OpKind::PRelu:
    return negativePart(x, x, b_.CreateFMul(x, operands[1]));
  case OpKind::Selu: {
    Value *negative = b_.CreateFMul(expm1(x), c(op.real("alpha")));
    return b_.CreateFMul(negativePart(x, x, negative), c(op.real("gamma")));
  }
  case OpKind::Shrink: {
    double lambda = op.real("lambda"), bias = op.real("bias");
    Value *low = b_.CreateFCmpOLT(x, c(-lambda)), *high = b_.CreateFCmpOGT(x, c(lambda));
    return b_.CreateSelect(low, b_.CreateFAdd(x, c(bias)),
                           b_.CreateSelect(high, b_.CreateFSub(x, c(bias)), c(0)));
  }
  case OpKind::Sigmoid:
    return sigmoid(x);
  case OpKind::Softplus:
    return softplus(x);
  case OpKind::Softsign:
    return b_.CreateFDiv(x, b_.CreateFAdd(c(1), absolute(e_, x)));
  case OpKind::Swish: {
    double alpha = op.real("alpha");
    if (!wide_)
      return math::swish(e_, x, alpha);
    return b_.CreateFMul(x, sigmoid(alpha == 1.0 ? x : b_.CreateFMul(x, c(alpha))));
  }
  case OpKind::Tanh:
    return tanh(x);
  case OpKind::ThresholdedRelu:
    return b_.CreateSelect(b_.CreateFCmpOGT(x, c(op.real("alpha"))), x, c(0));
  default:
    return nullptr;
  }
}

Value *FloatEmitter::power(Value *x, Value *y) {
  auto *constant = llvm::dyn_cast<llvm::Constant>(y);
  if (constant && constant->getType()->isVectorTy())
    constant = constant->getSplatValue();
  // Common exponents as products; each is within an ulp of the correctly rounded power.
  if (auto *exponent = llvm::dyn_cast_or_null<llvm::ConstantFP>(constant)) {
    if (exponent->isExactlyValue(1.0))
      return x;
    if (exponent->isExactlyValue(2.0))
      return b_.CreateFMul(x, x);
    if (exponent->isExactlyValue(3.0))
      return b_.CreateFMul(b_.CreateFMul(x, x), x);
  }
  if (!wide_)
    return math::pow(e_, x, y);
  Value *operands[] = {x, y};
  return callScalar(e_, "edgecc_support_pow", operands);
}

Value *FloatEmitter::remainder(const Op &op, Value *x, Value *y) {
  // The remainder of two f32 is exact in f32, so that of f64 serves both.
  llvm::Type *f64 = typeLike(b_.getDoubleTy(), x);
  Value *operands[] = {wide_ ? x : b_.CreateFPExt(x, f64), wide_ ? y : b_.CreateFPExt(y, f64)};
  Value *r = callScalar(e_, "edgecc_support_fmod", operands);
  if (!wide_)
    r = b_.CreateFPTrunc(r, x->getType());
  if (op.flag("fmod"))
    return r;
  Value *isNegative = b_.CreateFCmpOLT(r, c(0)), *divisorNegative = b_.CreateFCmpOLT(y, c(0));
  Value *adjust =
      b_.CreateAnd(b_.CreateFCmpONE(r, c(0)), b_.CreateXor(isNegative, divisorNegative));
  return b_.CreateSelect(adjust, b_.CreateFAdd(r, y), r);
}

Value *FloatEmitter::binary(const Op &op, Value *x, Value *y) {
  switch (op.kind()) {
  case OpKind::Add:
    return b_.CreateFAdd(x, y);
  case OpKind::Sub:
    return b_.CreateFSub(x, y);
  case OpKind::Mul:
    return b_.CreateFMul(x, y);
  case OpKind::Div:
    return b_.CreateFDiv(x, y);
  case OpKind::Mod:
    return remainder(op, x, y);
  default:
    assert(op.kind() == OpKind::Pow);
    return power(x, y);
  }
}

} // namespace

Value *emitFloatOp(KernelEmitter &e, const Op &op, Operands x) {
  FloatEmitter emitter(e, x[0]);
  if (Value *value = emitter.unary(op, x[0]))
    return value;
  if (Value *value = emitter.activation(op, x))
    return value;
  return emitter.binary(op, x[0], x[1]);
}

static bool isWide(const Value *x) { return x->getType()->getScalarType()->isDoubleTy(); }

Value *expOf(KernelEmitter &e, Value *x) {
  return isWide(x) ? callScalar(e, "edgecc_support_exp", std::span<Value *const>(&x, 1))
                   : math::exp(e, x);
}

Value *logOf(KernelEmitter &e, Value *x) {
  return isWide(x) ? callScalar(e, "edgecc_support_log", std::span<Value *const>(&x, 1))
                   : math::log(e, x);
}

Value *powOf(KernelEmitter &e, Value *x, Value *y) {
  Value *operands[] = {x, y};
  return isWide(x) ? callScalar(e, "edgecc_support_pow", operands) : math::pow(e, x, y);
}

} // namespace edgecc::native
