#include "tests/differential/ErrorModel.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace edgecc::test {

namespace {

constexpr double kUnit = 0x1p-24; // of f32, in which everything is computed
constexpr double kInfinity = std::numeric_limits<double>::infinity();
// Elementary functions are within this many units of the larger of argument, result and 1.
constexpr double kFunction = 16;

class Rule {
public:
  Rule(const Op &op, const Known &result, const Knowledge &knowledge)
      : op_(op), y_(result), knowledge_(knowledge) {}

  // Of the result with the given number.
  double error(unsigned result) const {
    if (result > 0 && op_.kind() == OpKind::LayerNormalization) {
      double n = static_cast<double>(normalized());
      double mean = e(0) + (n + kFunction) * kUnit * std::max(1.0, peak(0));
      return result == 1 ? mean : y_.peak * mean / leastDeviation();
    }
    if (result > 0) // positions of maxima and the like
      return worst() == 0 ? 0 : kInfinity;
    switch (op_.kind()) {
    // Copies, and functions that round nothing and stretch nothing.
    case OpKind::Identity:
    case OpKind::Reshape:
    case OpKind::Transpose:
    case OpKind::Slice:
    case OpKind::Concat:
    case OpKind::Pad:
    case OpKind::Expand:
    case OpKind::Tile:
    case OpKind::Gather:
    case OpKind::DepthToSpace:
    case OpKind::SpaceToDepth:
    case OpKind::Trilu:
    case OpKind::Relu:
    case OpKind::Abs:
    case OpKind::Neg:
    case OpKind::Clip:
    case OpKind::Max:
    case OpKind::Min:
    case OpKind::MaxPool:
    case OpKind::ReduceMax:
    case OpKind::ReduceMin:
      return worst();
    case OpKind::Where:
      return e(0) == 0 ? worst() : kInfinity;
    case OpKind::Cast:
      return cast();

    case OpKind::LeakyRelu:
    case OpKind::PRelu:
      return std::max(1.0, slope()) * e(0) + rounding(2);
    case OpKind::Sigmoid:
    case OpKind::HardSigmoid:
    case OpKind::Tanh:
    case OpKind::Elu:
    case OpKind::Celu:
    case OpKind::Softplus:
    case OpKind::Softsign:
    case OpKind::Sin:
    case OpKind::Cos:
    case OpKind::Atan:
      return e(0) + function();
    case OpKind::Erf:
    case OpKind::Gelu:
    case OpKind::Swish:
    case OpKind::Mish:
      return 1.2 * e(0) + function();
    case OpKind::Selu:
    case OpKind::HardSwish:
      return 1.8 * e(0) + function();
    case OpKind::Exp:
      return y_.peak * std::expm1(e(0)) + function();
    case OpKind::Log:
    case OpKind::Reciprocal:
    case OpKind::Sqrt:
      return awayFromZero();

    // Two roundings, because rewrites may multiply by a reciprocal or move a constant.
    case OpKind::Add:
    case OpKind::Sub:
      return e(0) + e(1) + rounding(2);
    case OpKind::Mul:
      return product() + rounding(2);
    case OpKind::Div:
      if (of(1).least <= 2 * e(1))
        return kInfinity;
      return (e(0) + y_.peak * e(1)) / (of(1).least - e(1)) + rounding(2);

    case OpKind::Conv:
      return contraction(rowNorm(1, 0), terms(1, 0));
    case OpKind::ConvTranspose:
      return contraction(transposedNorm(), terms(1, 1));
    case OpKind::MatMul:
    case OpKind::Gemm:
      return matrixProduct();

    case OpKind::AveragePool:
      return e(0) + (window() + 2) * kUnit * of(0).peak;
    case OpKind::ReduceMean:
      return e(0) + (reduced() + 2) * kUnit * of(0).peak;
    case OpKind::ReduceSum:
    case OpKind::ReduceL1:
    case OpKind::CumSum:
      return reduced() * (e(0) + reduced() * kUnit * of(0).peak);
    case OpKind::ReduceSumSquare:
      return reduced() * (2 * of(0).peak * e(0) + e(0) * e(0) +
                          (reduced() + 1) * kUnit * of(0).peak * of(0).peak);
    case OpKind::ReduceL2:
      return std::sqrt(reduced()) * e(0) + (reduced() + 8) * kUnit * y_.peak;
    case OpKind::ReduceLogSumExp:
      return e(0) + (reduced() + kFunction) * kUnit * std::max({1.0, y_.peak, of(0).peak});
    case OpKind::Softmax:
    case OpKind::LogSoftmax:
      return 2 * e(0) + (axisExtent() + kFunction) * kUnit * std::max({1.0, y_.peak, of(0).peak});
    case OpKind::LayerNormalization:
      return layerNormalization();
    case OpKind::BatchNormalization:
      return batchNormalization();
    case OpKind::Resize: // weights of a linear filter sum to 1
      return e(0) + (op_.text("mode") == "nearest" ? 0 : 16 * kUnit * of(0).peak);

    case OpKind::QuantizeLinear: // in units of the quantised value
      return e(0) == 0 ? 0 : std::floor(e(0) / of(1).least) + 1;
    case OpKind::DequantizeLinear:
      return e(0) * of(1).peak + rounding(2);

    default: // exact results of exact operands: integers, comparisons, positions
      return worst() == 0 && !isFloat(y_.tensor.dtype()) ? 0 : kInfinity;
    }
  }

private:
  const Known &of(unsigned i) const { return knowledge_.at(op_.operand(i)); }
  double e(unsigned i) const { return op_.operand(i) ? of(i).error : 0; }
  double peak(unsigned i) const { return op_.operand(i) ? of(i).peak : 0; }
  const Dims &dims(unsigned i) const { return of(i).tensor.dims(); }
  double rounding(double count) const { return count * kUnit * y_.peak; }
  double function() const { return kFunction * kUnit * std::max({1.0, y_.peak, of(0).peak}); }

  double worst() const {
    double out = 0;
    for (unsigned i = 0; i < op_.numOperands(); ++i)
      out = std::max(out, e(i));
    return out;
  }

  double slope() const { return op_.kind() == OpKind::PRelu ? peak(1) : op_.real("alpha"); }

  double product() const { return peak(0) * e(1) + peak(1) * e(0) + e(0) * e(1); }

  double cast() const {
    bool fromFloat = isFloat(of(0).tensor.dtype()), toFloat = isFloat(y_.tensor.dtype());
    if (fromFloat && !toFloat) // truncation is not continuous
      return e(0) == 0 ? 0 : kInfinity;
    return e(0) + rounding(toFloat ? 1 : 0);
  }

  // f(x) on |x| in [least - E, ...): the steepest place is the one nearest to zero.
  double awayFromZero() const {
    double near = of(0).least - e(0);
    if (near <= e(0))
      return kInfinity;
    double slope = op_.kind() == OpKind::Reciprocal ? 1 / (near * near)
                   : op_.kind() == OpKind::Log      ? 1 / near
                                                    : 0.5 / std::sqrt(near);
    return slope * e(0) + function();
  }

  // The largest sum of |b| over everything but `axis`: what a contraction stretches errors by.
  double rowNorm(unsigned operand, size_t axis) const {
    const Tensor &b = of(operand).tensor;
    Dims strides = rowMajorStrides(b.dims());
    std::vector<double> sums(static_cast<size_t>(b.dims()[axis]));
    for (int64_t i = 0; i < b.elements(); ++i)
      sums[static_cast<size_t>(i / strides[axis] % b.dims()[axis])] += std::abs(b.asDouble(i));
    return *std::max_element(sums.begin(), sums.end());
  }

  // The same for w of [C, M / group, ...]: more than any output channel sums up.
  double transposedNorm() const { return rowNorm(1, 1); }

  // Products in one sum, given which axis of the weights counts outputs.
  double terms(unsigned operand, size_t outputs) const {
    const Tensor &b = of(operand).tensor;
    return static_cast<double>(b.elements() / std::max(int64_t{1}, b.dims()[outputs]));
  }

  double contraction(double norm, double count) const {
    if (e(1) != 0) { // weights that were computed: each of the terms may be off
      double each = product();
      return count * each + (count + 2) * kUnit * (count * peak(0) * peak(1) + peak(2)) + e(2);
    }
    return norm * e(0) + e(2) + (count + 2) * kUnit * (norm * (peak(0) + e(0)) + peak(2));
  }

  double matrixProduct() const {
    bool isGemm = op_.kind() == OpKind::Gemm;
    size_t rank = dims(1).size();
    size_t columns = isGemm && op_.flag("transB") ? 0 : rank - 1;
    double k = static_cast<double>(dims(1)[columns == 0 ? 1 : rank - 2]);
    double alpha = isGemm ? std::abs(op_.real("alpha")) : 1;
    double beta = isGemm ? std::abs(op_.real("beta")) : 1;
    double sums = e(1) == 0 && rank == 2
                      ? rowNorm(1, columns) * (e(0) + (k + 2) * kUnit * (peak(0) + e(0)))
                      : k * product() + (k + 2) * kUnit * k * peak(0) * peak(1);
    double bias = isGemm && op_.operand(2) ? beta * (e(2) + 3 * kUnit * peak(2)) : 0;
    return alpha * sums + bias + rounding(3);
  }

  double window() const {
    double n = 1;
    for (int64_t k : op_.ints("kernel"))
      n *= static_cast<double>(k);
    return n;
  }

  double reduced() const {
    if (op_.kind() == OpKind::CumSum)
      return axisExtent();
    return static_cast<double>(of(0).tensor.elements()) /
           std::max(1.0, static_cast<double>(y_.tensor.elements()));
  }

  double axisExtent() const {
    return static_cast<double>(dims(0)[static_cast<size_t>(op_.integer("axis"))]);
  }

  // Elements that are normalised together.
  int64_t normalized() const {
    int64_t inner = 1;
    for (size_t d = static_cast<size_t>(op_.integer("axis")); d < dims(0).size(); ++d)
      inner *= dims(0)[d];
    return inner;
  }

  double leastDeviation() const {
    const Tensor &x = of(0).tensor;
    int64_t inner = normalized();
    double least = kInfinity;
    for (int64_t row = 0; row < x.elements() / inner; ++row) {
      double sum = 0, squares = 0, n = static_cast<double>(inner);
      for (int64_t i = 0; i < inner; ++i)
        sum += x.asDouble(row * inner + i);
      for (int64_t i = 0; i < inner; ++i)
        squares += std::pow(x.asDouble(row * inner + i) - sum / n, 2);
      least = std::min(least, std::sqrt(squares / n + op_.real("epsilon")));
    }
    return least;
  }

  // y = (x - mean) / deviation * scale + bias: mean and deviation move by at most E, so the
  // quotient moves by (2 + |quotient|) E / deviation.
  double layerNormalization() const {
    double least = leastDeviation();
    double n = static_cast<double>(normalized()), quotient = std::sqrt(n);
    double scale = op_.operand(1) ? peak(1) : 1;
    double moved = (2 + quotient) * e(0) / least;
    double rounded = (n + kFunction) * kUnit * (of(0).peak / least + 1) * (1 + quotient);
    return scale * (moved + rounded) + e(2) + 4 * kUnit * (y_.peak + peak(2));
  }

  double batchNormalization() const {
    double gain = peak(1) / std::sqrt(of(4).least + op_.real("epsilon"));
    return gain * e(0) + 8 * kUnit * (gain * (peak(0) + peak(3)) + peak(2));
  }

  const Op &op_;
  const Known &y_;
  const Knowledge &knowledge_;
};

void measure(Known &known) {
  known.peak = 0;
  known.least = known.tensor.elements() ? kInfinity : 0;
  for (int64_t i = 0; i < known.tensor.elements(); ++i) {
    double magnitude = std::abs(known.tensor.asDouble(i));
    known.peak = magnitude <= known.peak ? known.peak : magnitude; // NaN stays
    known.least = std::min(known.least, magnitude);
  }
}

} // namespace

Known knownExactly(Tensor tensor) {
  Known known{std::move(tensor), 0, 0, 0};
  measure(known);
  return known;
}

void learn(const Op &op, std::vector<Tensor> results, Knowledge &knowledge) {
  for (unsigned i = 0; i < op.numResults(); ++i) {
    Known known = knownExactly(std::move(results[i]));
    if (op.kind() == OpKind::Param) {
      known.error = 0;
    } else {
      known.error = Rule(op, known, knowledge).error(i);
      // Copies of f16 values round no more; everything else does once, or not if it was fused.
      if (known.tensor.dtype() == DType::F16 && known.error > 0)
        known.error += 0x1p-11 * known.peak + 0x1p-25;
    }
    knowledge[op.result(i)] = std::move(known);
  }
}

} // namespace edgecc::test
