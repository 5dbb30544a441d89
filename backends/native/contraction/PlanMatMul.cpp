#include "backends/native/contraction/Narrow.h"
#include "backends/native/contraction/Pack.h"
#include "backends/native/contraction/PlanConv.h"

namespace edgecc::native {

namespace {

// A matrix operand: element strides of its rows and columns, and of the batch axes it has.
struct Matrix {
  const Value *value;
  Dims batchDims, batchStrides;
  int64_t rows, columns, rowStride, columnStride;
};

Matrix matrixOf(const Value &value, bool transposed) {
  Dims dims = value.dims(), strides = stridesOf(value);
  Matrix out{&value, {}, {}, 0, 0, 0, 0};
  size_t batch = dims.size() - 2;
  out.batchDims.assign(dims.begin(), dims.begin() + static_cast<int64_t>(batch));
  out.batchStrides.assign(strides.begin(), strides.begin() + static_cast<int64_t>(batch));
  size_t row = batch + (transposed ? 1 : 0), column = batch + (transposed ? 0 : 1);
  out.rows = dims[row];
  out.columns = dims[column];
  out.rowStride = strides[row];
  out.columnStride = strides[column];
  return out;
}

class MatMulPlanner : public Planner {
public:
  MatMulPlanner(const Op &op, PlanContext &context)
      : Planner(op, &context), isGemm_(anchor.kind() == OpKind::Gemm),
        a_(matrixOf(*operand(0), isGemm_ && anchor.flag("transA"))),
        b_(matrixOf(*operand(1), isGemm_ && anchor.flag("transB"))),
        constant_(constantOf(b_.value)) {}

  Expected<void> run() {
    c_.name = isGemm_ ? "gemm" : "matmul";
    EDGECC_CHECK(chooseProduct());
    setAxes();
    setLeft();
    EDGECC_TRY(finished, epilogue(axes_, axes_.size() + 1));
    c_.epilogue = std::move(finished);
    if (isGemm_) {
      c_.epilogue.alpha = anchor.real("alpha");
      if (const Value *bias = operand(2); bias && anchor.real("beta") != 0)
        c_.epilogue.addends.push_back(
            {access(*bias, axes_, axes_.size() + 1), anchor.real("beta")});
    }
    setRight();
    if (constant_ && narrow_.leftCorrection != 0)
      addCorrection();
    c_.collapse();
    if (constant_)
      c_.product = fasterProduct(c_, context->target);
    Schedule schedule = scheduleOf(c_, context->target);
    if (constant_)
      args[c_.right.arg] = {Storage::Space::Weights, 0,
                            packColumns(c_, schedule, columns_, context->weights)};
    context->kernels.push_back(directKernel(std::move(c_), std::move(schedule), std::move(args)));
    return {};
  }

private:
  Expected<void> chooseProduct() {
    DType type = a_.value->type.dtype, other = b_.value->type.dtype;
    bool narrow = isInteger(type) && bitWidth(type) < 32;
    if (isFloat(type)) {
      c_.product = floatProduct(type, constant_, a_.columns % 2 == 0, blockSize(),
                                usesBF16Products(*context));
    } else if (isGemm_ || !narrow) {
      c_.product = Product::plain(narrow ? DType::I32 : type);
    } else {
      EDGECC_TRY(plan, planNarrow({type, other, operand(2), operand(3), constant_ != nullptr,
                                   constant_, b_.rows},
                                  context->target, op.location));
      narrow_ = plan;
      c_.product = narrow_.product;
      if (narrow_.rightZeroAtRunTime)
        constant_ = nullptr; // gathered, so that the kernel can subtract
      if (operand(3)) {
        const Dims &dims = operand(3)->dims();
        if (numElements(dims) != 1 && numElements(dims) != b_.columns)
          return error("a zero point for each matrix of the right operand", op.location);
      }
    }
    return {};
  }

  // Iteration axes: batch..., y (unused), x = m, column = n.
  void setAxes() {
    const Dims &dims = anchor.result()->dims();
    size_t batch = dims.size() - 2;
    c_.outer.assign(dims.begin(), dims.begin() + static_cast<int64_t>(batch));
    for (size_t i = 0; i < batch; ++i)
      axes_.push_back({{{i, 1}}, 0});
    axes_.push_back({{{batch + 1, 1}}, 0});
    axes_.push_back({{{batch + 2, 1}}, 0});
    c_.rowsX = dims[batch];
    c_.columns = dims[batch + 1];
  }

  int64_t blockSize() const { return isGemm_ ? 0 : anchor.integer("block_size"); }

  // Stride of `matrix` along each batch axis of the result.
  Dims outerStrides(const Matrix &matrix, const Dims &strides) const {
    Dims out(c_.outer.size(), 0);
    size_t lead = c_.outer.size() - matrix.batchDims.size();
    for (size_t i = 0; i < matrix.batchDims.size(); ++i)
      if (matrix.batchDims[i] != 1)
        out[lead + i] = strides[i];
    return out;
  }

  void setLeft() {
    LeftOperand &left = c_.left;
    left.arg = addArg(*a_.value);
    left.dtype = a_.value->type.dtype;
    left.outer = outerStrides(a_, a_.batchStrides);
    left.windows = {{}, {a_.rows, 1, 1, 1, 0, a_.rowStride}};
    left.channels = a_.columns;
    left.channelStride = a_.columnStride;
    left.shift = narrow_.leftShift;
    left.padding = narrow_.leftPadding;
    if (narrow_.leftZeroAtRunTime)
      left.zeroPointArg = static_cast<int>(addArg(*operand(2)));
  }

  void setRight() {
    RightOperand &right = c_.right;
    right.dtype = b_.value->type.dtype;
    right.tapStrides = {0, 0};
    right.channelStride = b_.rowStride;
    right.columnStride = b_.columnStride;
    if (constant_) {
      right.arg = static_cast<unsigned>(args.size());
      args.push_back({Storage::Space::Weights, 0, 0});
      right.outer = outerStrides(b_, rowMajorStrides(b_.batchDims));
      setColumns();
      return;
    }
    right.arg = addArg(*b_.value);
    right.outer = outerStrides(b_, b_.batchStrides);
    right.kind = right.dtype == c_.product.b && c_.product.group == 1 && b_.columnStride == 1 &&
                         c_.product.kind == Product::Kind::Plain
                     ? RightOperand::Kind::InPlace
                     : RightOperand::Kind::Gathered;
    if (narrow_.rightZeroAtRunTime) {
      right.zeroPointArg = static_cast<int>(addArg(*operand(3)));
      right.zeroPointColumnStride = numElements(operand(3)->dims()) == 1 ? 0 : 1;
    }
  }

  void setColumns() {
    columns_.tensor = constant_;
    columns_.columnStride = b_.columnStride;
    int64_t matrices = numElements(b_.batchDims);
    for (int64_t m = 0; m < matrices; ++m)
      columns_.matrices.push_back(m * b_.rows * b_.columns);
    for (int64_t k = 0; k < b_.rows; ++k)
      columns_.k.push_back(k * b_.rowStride);
    columns_.zeroPoints.clear();
    if (blockSize() > 0)
      columns_.scale = [scale = constantOf(operand(4)), block = blockSize(), rows = b_.rows,
                        columns = b_.columns](int64_t k, int64_t matrix, int64_t column) {
        return static_cast<float>(
            scale->asDouble((matrix * (rows / block) + k / block) * columns + column));
      };
    // The same zero points for all matrices.
    for (int64_t m = 0; m < (narrow_.rightZeros.size() > 1 ? matrices : 1); ++m)
      columns_.zeroPoints.insert(columns_.zeroPoints.end(), narrow_.rightZeros.begin(),
                                 narrow_.rightZeros.end());
  }

  // -leftCorrection * sum_k b[k][column], in i32 as the accumulators.
  void addCorrection() {
    std::vector<int32_t> sums;
    for (size_t m = 0; m < columns_.matrices.size(); ++m)
      for (int64_t column = 0; column < c_.columns; ++column) {
        int64_t sum = 0;
        const Dims &zeros = columns_.zeroPoints;
        int64_t zero =
            zeros.empty() ? 0 : zeros[zeros.size() == 1 ? 0 : static_cast<size_t>(column)];
        for (int64_t k : columns_.k)
          sum += constant_->asInt(columns_.matrices[m] + k + column * columns_.columnStride) - zero;
        sums.push_back(static_cast<int32_t>(-narrow_.leftCorrection * sum));
      }
    Access access{addWeights(std::as_bytes(std::span(sums))), DType::I32, c_.right.outer};
    for (int64_t &stride : access.strides)
      stride *= c_.columns;
    access.strides.insert(access.strides.end(), {0, 0, 1});
    c_.epilogue.addends.insert(c_.epilogue.addends.begin(), {access});
  }

  bool isGemm_;
  Matrix a_, b_;
  const Tensor *constant_;
  NarrowPlan narrow_;
  Contraction c_;
  ConstantColumns columns_;
  std::vector<LogicalAxis> axes_;
};

} // namespace

Expected<void> planMatMul(const Op &op, PlanContext &context) {
  return MatMulPlanner(op, context).run();
}

} // namespace edgecc::native
