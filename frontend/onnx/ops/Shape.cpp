// Shape arithmetic, constants, and ops that only change the shape.
#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

#include <algorithm>
#include <cmath>

namespace edgecc::importer {
namespace {

// Larger ones are generated at run time, or refused.
constexpr int64_t kMaxConstant = int64_t{1} << 20;

void importShape(NodeContext &n) {
  Value *x = n.input(0);
  if (!x->type.isStatic())
    n.fail("the shape depends on the data: " + x->type.str());
  auto rank = static_cast<int64_t>(x->dims().size());
  auto clamp = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  int64_t start = clamp(n.intAttribute("start", 0)), end = clamp(n.intAttribute("end", rank));
  Dims dims;
  for (int64_t i = start; i < end; ++i)
    dims.push_back(x->dims()[static_cast<size_t>(i)]);
  n.setOutput(0, n.constant(Tensor::ofInts(dims)));
}

void importSize(NodeContext &n) {
  Value *x = n.input(0);
  if (!x->type.isStatic())
    n.fail("the size depends on the data: " + x->type.str());
  n.setOutput(0, n.constant(Tensor::scalar(DType::I64, x->type.elements())));
}

template <class T> Tensor vectorOf(DType dtype, const std::vector<T> &values) {
  return Tensor::of<T>(dtype, {static_cast<int64_t>(values.size())}, values);
}

void importConstant(NodeContext &n) {
  auto set = [&](Tensor content) { n.setOutput(0, n.constant(std::move(content))); };
  if (const auto *value = n.attribute("value"); value && value->has_t())
    return set(n.graph().tensor(value->t()));
  if (const auto *value = n.attribute("sparse_value"); value && value->has_sparse_tensor())
    return set(n.graph().sparseTensor(value->sparse_tensor()));
  if (n.hasAttribute("value_float"))
    return set(Tensor::scalar(DType::F32, static_cast<float>(n.floatAttribute("value_float", 0))));
  if (n.hasAttribute("value_int"))
    return set(Tensor::scalar(DType::I64, n.intAttribute("value_int", 0)));
  if (n.hasAttribute("value_ints"))
    return set(vectorOf(DType::I64, n.intsAttribute("value_ints")));
  if (n.hasAttribute("value_floats")) {
    std::vector<double> values = n.floatsAttribute("value_floats");
    return set(vectorOf(DType::F32, std::vector<float>(values.begin(), values.end())));
  }
  if (n.hasAttribute("value_string") || n.hasAttribute("value_strings"))
    n.fail("strings are not supported");
  n.fail("has no value");
}

void importConstantOfShape(NodeContext &n) {
  Dims dims = n.requireInts(0, "the shape");
  if (!isValidShape(dims))
    n.fail("the shape is not a valid one");
  Tensor value(DType::F32, {});
  if (const auto *given = n.attribute("value")) {
    value = n.graph().tensor(given->t());
    if (value.elements() != 1)
      n.fail("the value must have one element");
    value = value.reshaped({});
  }
  if (numElements(dims) > kMaxConstant || isSubByte(value.dtype()))
    return n.setOutput(0, expand(n, n.constant(value), dims));
  Tensor filled(value.dtype(), dims);
  std::byte *out = filled.mutableRaw();
  for (size_t width = bitWidth(value.dtype()) / 8, at = 0; at < filled.bytes(); at += width)
    std::copy_n(value.raw(), width, out + at);
  n.setOutput(0, n.constant(std::move(filled)));
}

void importRange(NodeContext &n) {
  const Tensor *operands[3];
  for (unsigned i = 0; i < 3; ++i) {
    operands[i] = &n.requireConstant(i, i == 0 ? "start" : i == 1 ? "limit" : "delta");
    if (operands[i]->elements() != 1 || operands[i]->dtype() != operands[0]->dtype())
      n.fail("start, limit and delta must be scalars of one type");
  }
  DType dtype = operands[0]->dtype();
  double start = operands[0]->asDouble(0), delta = operands[2]->asDouble(0);
  double count = std::ceil((operands[1]->asDouble(0) - start) / delta);
  if (!(count <= static_cast<double>(kMaxConstant))) // also NaN
    n.fail("has more than " + std::to_string(kMaxConstant) + " elements");
  Tensor values(dtype, {static_cast<int64_t>(std::max(count, 0.0))});
  for (int64_t i = 0; i < values.elements(); ++i)
    values.setDouble(i, start + static_cast<double>(i) * delta);
  n.setOutput(0, n.constant(std::move(values)));
}

void importEyeLike(NodeContext &n) {
  Value *x = n.input(0);
  if (x->dims().size() != 2 || x->type.elements() > kMaxConstant)
    n.fail("needs a matrix of at most " + std::to_string(kMaxConstant) + " elements");
  DType dtype = n.dtypeAttribute("dtype").value_or(x->type.dtype);
  if (!(setOf(dtype) & (kNumbers | kBool)))
    n.fail("the element type " + std::string(name(dtype)) + " is not supported");
  int64_t k = n.intAttribute("k", 0);
  Tensor eye(dtype, x->dims());
  for (int64_t row = 0; row < x->dims()[0]; ++row)
    if (k < x->dims()[1] && k > -x->dims()[0] && row + k >= 0 && row + k < x->dims()[1])
      eye.setDouble(row * x->dims()[1] + row + k, 1);
  n.setOutput(0, n.constant(std::move(eye)));
}

void importReshape(NodeContext &n) {
  Value *x = n.input(0);
  Dims shape = n.requireInts(1, "the shape");
  bool allowZero = n.flag("allowzero", false);
  int64_t known = 1, wildcard = -1;
  for (size_t i = 0; i < shape.size(); ++i) {
    if (shape[i] == 0 && !allowZero) {
      if (i >= x->dims().size())
        n.fail("the shape copies an axis that the operand does not have");
      shape[i] = x->dims()[i];
    }
    if (shape[i] == -1 && wildcard < 0)
      wildcard = static_cast<int64_t>(i);
    else if (shape[i] < 0 || __builtin_mul_overflow(known, shape[i], &known))
      n.fail("the shape is not a valid one");
  }
  if (wildcard >= 0) {
    int64_t total = x->type.elements();
    if (known == 0 ? total != 0 : total % known != 0)
      n.mismatch(x->type.str() + " cannot be divided into the given shape",
                 "if the model was exported for another input size, give that size with --shape");
    shape[static_cast<size_t>(wildcard)] = known == 0 ? 0 : total / known;
  }
  n.setOutput(0, reshape(n, x, std::move(shape)));
}

void importFlatten(NodeContext &n) {
  Value *x = n.input(0);
  auto rank = static_cast<int64_t>(x->dims().size());
  int64_t axis = n.intAttribute("axis", 1);
  if (axis < -rank || axis > rank)
    n.fail("axis " + std::to_string(axis) + " is outside of the operand");
  axis += axis < 0 ? rank : 0;
  const Dims &dims = x->dims();
  n.setOutput(0, reshape(n, x,
                         {numElements(Dims(dims.begin(), dims.begin() + axis)),
                          numElements(Dims(dims.begin() + axis, dims.end()))}));
}

void importSqueeze(NodeContext &n) {
  Value *x = n.input(0);
  auto given = n.intsFrom("axes", 1, "the axes");
  Dims dims;
  std::vector<int64_t> axes;
  if (given)
    axes = normalizedAxes(n, *given, x->dims().size());
  for (size_t i = 0; i < x->dims().size(); ++i) {
    bool named = std::ranges::binary_search(axes, static_cast<int64_t>(i));
    if (named && x->dims()[i] != 1)
      n.mismatch("axis " + std::to_string(i) + " of " + x->type.str() + " does not have extent 1");
    if (!named && (given || x->dims()[i] != 1))
      dims.push_back(x->dims()[i]);
  }
  n.setOutput(0, reshape(n, x, std::move(dims)));
}

void importUnsqueeze(NodeContext &n) {
  Value *x = n.input(0);
  auto given = n.intsFrom("axes", 1, "the axes");
  if (!given)
    n.fail("the axes are missing");
  if (given->size() + x->dims().size() > kMaxRank)
    n.fail("the result would have more than " + std::to_string(kMaxRank) + " axes");
  auto axes = normalizedAxes(n, *given, x->dims().size() + given->size());
  Dims dims = x->dims();
  for (int64_t axis : axes)
    dims.insert(dims.begin() + axis, 1);
  n.setOutput(0, reshape(n, x, std::move(dims)));
}

void importExpand(NodeContext &n) {
  Value *x = n.input(0);
  n.setOutput(0, expand(n, x, broadcastDims(n, x->dims(), n.requireInts(1, "the shape"))));
}

} // namespace

void addShapeOps(OpTable &table) {
  table.add("Constant", importConstant);
  table.add("ConstantOfShape", importConstantOfShape);
  table.add("Expand", importExpand);
  table.add("EyeLike", importEyeLike);
  table.add("Flatten", importFlatten);
  table.add("Range", importRange);
  table.add("Reshape", importReshape);
  table.add("Shape", importShape);
  table.add("Size", importSize);
  table.add("Squeeze", importSqueeze);
  table.add("Unsqueeze", importUnsqueeze);
}

} // namespace edgecc::importer
