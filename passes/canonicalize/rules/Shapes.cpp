// Rules of data movement.
#include "ir/OpDef.h"
#include "passes/canonicalize/rules/Rule.h"

#include <algorithm>

namespace edgecc::rules {

namespace {

using Ints = std::vector<int64_t>;

bool isIdentityPermutation(const Ints &perm) { return std::ranges::is_sorted(perm); }
bool areAll(const Ints &values, int64_t number) {
  return std::ranges::all_of(values, [=](int64_t v) { return v == number; });
}

Value *sameShape(const Op &op, Builder &) { return unlessReshaped(op, op.operand(0)); }

Value *reshapeOfReshape(const Op &op, Builder &b) {
  const Op *inner = definedBy(op.operand(0), OpKind::Reshape);
  return inner ? b.create(OpKind::Reshape, {inner->operand(0)}, {{"shape", op.ints("shape")}})
               : nullptr;
}

Value *identityTranspose(const Op &op, Builder &) {
  return isIdentityPermutation(op.ints("perm")) ? op.operand(0) : nullptr;
}

// Axes of extent 1 move freely: only the order of the others matters.
Value *transposeOfUnits(const Op &op, Builder &b) {
  Ints moved;
  for (int64_t axis : op.ints("perm"))
    if (op.operand(0)->dims()[static_cast<size_t>(axis)] != 1)
      moved.push_back(axis);
  if (!isIdentityPermutation(moved))
    return nullptr;
  return b.create(OpKind::Reshape, {op.operand(0)}, {{"shape", op.result()->dims()}});
}

Value *transposeOfTranspose(const Op &op, Builder &b) {
  const Op *inner = definedBy(op.operand(0), OpKind::Transpose);
  if (!inner)
    return nullptr;
  Ints perm;
  for (int64_t axis : op.ints("perm"))
    perm.push_back(inner->ints("perm")[static_cast<size_t>(axis)]);
  return b.create(OpKind::Transpose, {inner->operand(0)}, {{"perm", perm}});
}

// start + i * step of start' + j * step'
Value *sliceOfSlice(const Op &op, Builder &b) {
  const Op *inner = definedBy(op.operand(0), OpKind::Slice);
  if (!inner || op.result()->type.elements() == 0)
    return nullptr;
  Ints starts, steps;
  for (size_t i = 0; i < op.ints("starts").size(); ++i) {
    starts.push_back(inner->ints("starts")[i] + op.ints("starts")[i] * inner->ints("steps")[i]);
    steps.push_back(op.ints("steps")[i] * inner->ints("steps")[i]);
    if (std::abs(steps.back()) >= kMaxAttribute)
      return nullptr;
  }
  return b.create(OpKind::Slice, {inner->operand(0)},
                  {{"starts", starts}, {"sizes", op.ints("sizes")}, {"steps", steps}});
}

Value *wholeSlice(const Op &op, Builder &) {
  return areAll(op.ints("steps"), 1) ? unlessReshaped(op, op.operand(0)) : nullptr;
}

Value *concatOfOne(const Op &op, Builder &) {
  return op.numOperands() == 1 ? op.operand(0) : nullptr;
}

// Concat(a, Concat(b, c)) = Concat(a, b, c) along the same axis; operands without elements go.
Value *flattenConcat(const Op &op, Builder &b) {
  std::vector<Value *> operands;
  for (Value *operand : op.operands()) {
    const Op *inner = definedBy(operand, OpKind::Concat);
    if (inner && hasOneUser(operand) && inner->integer("axis") == op.integer("axis"))
      operands.insert(operands.end(), inner->operands().begin(), inner->operands().end());
    else if (operand->type.elements() != 0 || op.result()->type.elements() == 0)
      operands.push_back(operand);
  }
  if (operands == op.operands())
    return nullptr;
  return b.createOp(OpKind::Concat, operands, {{"axis", op.integer("axis")}})->result();
}

// Constant indices at equal distances pick a Slice.
Value *gatherOfConstants(const Op &op, Builder &b) {
  const Tensor *indices = constantOf(op.operand(1));
  const Dims &dims = op.operand(0)->dims();
  auto axis = static_cast<size_t>(op.integer("axis"));
  if (!indices || indices->elements() == 0 || constantOf(op.operand(0)))
    return nullptr;
  Ints picked = indices->asInts();
  for (int64_t &index : picked) {
    index += index < 0 ? dims[axis] : 0;
    if (index < 0 || index >= dims[axis])
      return nullptr; // an error at run time
  }
  int64_t step = picked.size() > 1 ? picked[1] - picked[0] : 1;
  for (size_t i = 1; i < picked.size(); ++i)
    if (step == 0 || picked[i] - picked[i - 1] != step)
      return nullptr;
  Ints starts(dims.size(), 0), sizes = dims, steps(dims.size(), 1);
  starts[axis] = picked[0];
  sizes[axis] = static_cast<int64_t>(picked.size());
  steps[axis] = step;
  Value *slice = b.create(OpKind::Slice, {op.operand(0)},
                          {{"starts", starts}, {"sizes", sizes}, {"steps", steps}});
  return sizes == op.result()->dims()
             ? slice
             : b.create(OpKind::Reshape, {slice}, {{"shape", op.result()->dims()}});
}

// Neighbouring slices of one value that follow each other along the axis are one slice.
Value *concatOfSlices(const Op &op, Builder &b) {
  const Op *first = definedBy(op.operand(0), OpKind::Slice);
  auto axis = static_cast<size_t>(op.integer("axis"));
  if (!first || op.numOperands() < 2 || first->ints("steps")[axis] != 1)
    return nullptr;
  Ints sizes = first->ints("sizes");
  for (unsigned i = 1; i < op.numOperands(); ++i) {
    const Op *next = definedBy(op.operand(i), OpKind::Slice);
    if (!next || next->operand(0) != first->operand(0) ||
        next->ints("steps") != first->ints("steps"))
      return nullptr;
    Ints starts = first->ints("starts");
    starts[axis] += sizes[axis];
    if (next->ints("starts") != starts)
      return nullptr;
    sizes[axis] += next->ints("sizes")[axis];
  }
  return b.create(
      OpKind::Slice, {first->operand(0)},
      {{"starts", first->ints("starts")}, {"sizes", sizes}, {"steps", first->ints("steps")}});
}

Value *emptyPad(const Op &op, Builder &) {
  return areAll(op.ints("pads"), 0) ? op.operand(0) : nullptr;
}

Value *singleTile(const Op &op, Builder &) {
  return areAll(op.ints("repeats"), 1) ? op.operand(0) : nullptr;
}

Value *blockOfOne(const Op &op, Builder &) {
  return op.integer("blocksize") == 1 ? op.operand(0) : nullptr;
}

// Linear and nearest resampling to the same size with scale 1 hits every sample.
Value *resizeToSame(const Op &op, Builder &) {
  bool isUnscaled = std::ranges::all_of(op.reals("scales"), [](double s) { return s == 1; });
  const auto &mode = op.text("coordinate_mode");
  return isUnscaled && mode != "tf_crop_and_resize" && op.text("mode") != "cubic" &&
                 !op.flag("real")
             ? unlessReshaped(op, op.operand(0))
             : nullptr;
}

// Sum, mean, minimum, maximum and product of one element.
Value *reduceOfUnits(const Op &op, Builder &b) {
  if (op.result()->type.dtype != op.operand(0)->type.dtype)
    return nullptr; // a widened sum
  for (int64_t axis : op.ints("axes"))
    if (op.operand(0)->dims()[static_cast<size_t>(axis)] != 1)
      return nullptr;
  return b.create(OpKind::Reshape, {op.operand(0)}, {{"shape", op.result()->dims()}});
}

bool isUnary(const Op &op) {
  if (!op.def().is(OpTrait::Elementwise) || op.numOperands() == 0 || op.kind() == OpKind::Identity)
    return false;
  for (unsigned i = 1; i < op.numOperands(); ++i)
    if (op.operand(i) && (!constantOf(op.operand(i)) || op.operand(i)->type.elements() != 1 ||
                          op.operand(i)->type.rank() > op.operand(0)->type.rank()))
      return false;
  return op.operand(0)->dims() == op.result()->dims();
}

// f(Transpose(x)) = Transpose(f(x)): the function can then join the op that makes x.
template <OpKind Movement> Value *sinkBelowUnary(const Op &op, Builder &b) {
  if (op.numOperands() == 0)
    return nullptr;
  const Op *inner = definedBy(op.operand(0), Movement);
  if (!inner || !isUnary(op) || !hasOneUser(op.operand(0)) || !inner->operand(0)->definingOp() ||
      constantOf(inner->operand(0)))
    return nullptr;
  std::vector<Value *> operands = op.operands();
  operands[0] = inner->operand(0);
  for (size_t i = 1; i < operands.size(); ++i) // of a rank that x may not have
    if (operands[i] && operands[i]->type.rank() > operands[0]->type.rank())
      return nullptr;
  Value *result = b.createOp(op.kind(), operands, op.attributes())->result();
  return b.create(Movement, {result}, inner->attributes());
}

constexpr Rule kRules[] = {
    {OpKind::Reshape, "Reshape to the same shape = x", sameShape},
    {OpKind::Reshape, "Reshape(Reshape(x)) = Reshape(x)", reshapeOfReshape},
    {OpKind::Transpose, "Transpose(x, 0 1 2...) = x", identityTranspose},
    {OpKind::Transpose, "Transpose(Transpose(x)) = Transpose(x)", transposeOfTranspose},
    {OpKind::Transpose, "Transpose of axes of extent 1 = Reshape", transposeOfUnits},
    {OpKind::Expand, "Expand to the same shape = x", sameShape},
    {OpKind::Slice, "Slice of all = x", wholeSlice},
    {OpKind::Slice, "Slice(Slice(x)) = Slice(x)", sliceOfSlice},
    {OpKind::Gather, "Gather of constant indices = Slice", gatherOfConstants},
    {OpKind::Concat, "Concat(x) = x", concatOfOne},
    {OpKind::Concat, "Concat(a, Concat(b, c)) = Concat(a, b, c)", flattenConcat},
    {OpKind::Concat, "Concat of neighbouring slices = Slice", concatOfSlices},
    {OpKind::Pad, "Pad by nothing = x", emptyPad},
    {OpKind::Tile, "Tile once = x", singleTile},
    {OpKind::DepthToSpace, "DepthToSpace by 1 = x", blockOfOne},
    {OpKind::SpaceToDepth, "SpaceToDepth by 1 = x", blockOfOne},
    {OpKind::Resize, "Resize to the same size = x", resizeToSame},
    {OpKind::ReduceSum, "Sum of one element = Reshape", reduceOfUnits},
    {OpKind::ReduceMean, "Mean of one element = Reshape", reduceOfUnits},
    {OpKind::ReduceMax, "Maximum of one element = Reshape", reduceOfUnits},
    {OpKind::ReduceMin, "Minimum of one element = Reshape", reduceOfUnits},
    {OpKind::ReduceProd, "Product of one element = Reshape", reduceOfUnits},
#define UNARY(Kind)                                                                                \
  {OpKind::Kind, "f(Transpose(x)) = Transpose(f(x))", sinkBelowUnary<OpKind::Transpose>}, {        \
    OpKind::Kind, "f(Reshape(x)) = Reshape(f(x))", sinkBelowUnary<OpKind::Reshape>                 \
  }
    UNARY(Relu),
    UNARY(Clip),
    UNARY(Sigmoid),
    UNARY(Tanh),
    UNARY(Gelu),
    UNARY(Swish),
    UNARY(HardSwish),
    UNARY(HardSigmoid),
    UNARY(LeakyRelu),
    UNARY(Elu),
    UNARY(Exp),
    UNARY(Mul),
    UNARY(Add),
#undef UNARY
};

} // namespace

std::span<const Rule> shapes() { return kRules; }

} // namespace edgecc::rules
