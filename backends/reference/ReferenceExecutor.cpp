#include "backends/reference/ReferenceExecutor.h"

#include "backends/reference/Convert.h"
#include "backends/reference/Interpreter.h"
#include "backends/reference/Kernels.h"
#include "ir/OpDef.h"

namespace edgecc {

using namespace reference;

// Same element type and rank, and the same extents but for bounded axes, which may be shorter.
static bool fits(const Tensor &tensor, const Type &type) {
  if (tensor.dtype() != type.dtype || tensor.rank() != type.rank())
    return false;
  for (unsigned i = 0; i < type.rank(); ++i) {
    bool isBounded = type.boundedAxes >> i & 1;
    if (isBounded ? tensor.dims()[i] > type.dims[i] : tensor.dims()[i] != type.dims[i])
      return false;
  }
  return true;
}

Expected<std::vector<Tensor>> ReferenceExecutor::run(const Function &function,
                                                     std::span<const Tensor> inputs,
                                                     const Observer &observer) {
  const Block &body = function.body;
  if (inputs.size() != body.numArguments())
    return error("function " + function.name + " takes " + std::to_string(body.numArguments()) +
                 " inputs, not " + std::to_string(inputs.size()));
  std::vector<Tensor> arguments;
  for (unsigned i = 0; i < inputs.size(); ++i) {
    const Type &type = body.argument(i)->type;
    if (!fits(inputs[i], type))
      return error("input " + (i < function.inputs.size() ? function.inputs[i].name : "") + " is " +
                   inputs[i].type().str() + ", not " + type.str());
    arguments.push_back(aligned(inputs[i]));
  }
  return Interpreter(*this, observer).run(body, std::move(arguments));
}

// Contractions may have weights that are narrower than the other operand.
static void widenWeights(const Op &op, std::vector<Tensor> &operands) {
  for (size_t i = 1; i < operands.size(); ++i)
    if (op.operand(static_cast<unsigned>(i)) && isSubByte(operands[i].dtype()))
      operands[i] = convert(operands[i], operands[i].dtype() == DType::I4 ? DType::I8 : DType::U8);
  if (operands[0].dtype() == DType::F32 && isInteger(operands[1].dtype()))
    operands[1] = convert(operands[1], DType::F32);
  bool isConv = op.kind() == OpKind::Conv;
  if ((!isConv && op.kind() != OpKind::MatMul) || op.integer("block_size") == 0)
    return;
  const Tensor &scale = operands[isConv ? 5 : 4];
  const Dims &dims = operands[1].dims();
  size_t axis = isConv ? 1 : dims.size() - 2;
  int64_t inner = numElements(Dims(dims.begin() + static_cast<ptrdiff_t>(axis) + 1, dims.end()));
  int64_t extent = dims[axis], block = op.integer("block_size");
  auto weights = operands[1].mutableData<float>();
  for (size_t i = 0; i < weights.size(); ++i) {
    auto at = static_cast<int64_t>(i);
    int64_t outer = at / (inner * extent), k = at / inner % extent;
    weights[i] *= scale.data<float>()[static_cast<size_t>(
        (outer * (extent / block) + k / block) * inner + at % inner)];
  }
}

Expected<std::vector<Tensor>> ReferenceExecutor::evaluate(const Op &op,
                                                          std::span<const Tensor> operands) {
  Kernel kernel = kernelFor(op.kind());
  if (!kernel.run)
    return error(std::string(op.name()) + " cannot be evaluated by itself", op.location);
  assert(operands.size() == op.numOperands());
  std::vector<Tensor> prepared(operands.begin(), operands.end());
  for (unsigned i = 0; i < prepared.size(); ++i) {
    if (!op.operand(i))
      continue;
    Tensor &tensor = prepared[i];
    Type type = op.operand(i)->type;
    bool isRight = kernel.extents == Kernel::Extents::Actual
                       ? tensor.dtype() == type.dtype && tensor.rank() == type.rank()
                       : tensor.dtype() == type.dtype && tensor.dims() == type.dims;
    if (!isRight)
      return error(std::string(op.name()) + " does not take " + tensor.type().str() + " where " +
                       type.str() + " is declared: extents depend on data",
                   op.location);
    if (kernel.types == Kernel::Types::Widened &&
        (tensor.dtype() == DType::F16 || tensor.dtype() == DType::BF16))
      tensor = convert(tensor, DType::F32);
    else if (kernel.types == Kernel::Types::Bits && isSubByte(tensor.dtype()))
      tensor = unpacked(tensor);
    else
      tensor = aligned(tensor);
  }
  if (op.def().is(OpTrait::Contraction))
    widenWeights(op, prepared);
  EDGECC_TRY(results, kernel.run({op, prepared}));
  assert(results.size() >= op.numResults());
  results.resize(op.numResults());
  for (unsigned i = 0; i < results.size(); ++i) {
    DType declared = op.result(i)->type.dtype;
    if (results[i].dtype() == declared)
      continue;
    results[i] = kernel.types == Kernel::Types::Bits ? packed(results[i], declared)
                                                     : convert(results[i], declared);
  }
  return std::move(results);
}

} // namespace edgecc
