#include "backends/native/loops/Planning.h"

#include "backends/native/elementwise/Elementwise.h"
#include "backends/native/elementwise/Magnitude.h"
#include "backends/native/elementwise/Numeric.h"
#include "ir/Text.h"

#include <fmt/format.h>
#include <llvm/ADT/ArrayRef.h>
#include <llvm/ADT/StringExtras.h>

namespace edgecc::native {

static void appendSignature(std::string &out, const Op &op,
                            std::map<const Value *, size_t> &numbers) {
  auto number = [&](const Value *value) {
    return value ? fmt::format("%{}", numbers.try_emplace(value, numbers.size()).first->second)
                 : std::string("-");
  };
  for (unsigned i = 0; i < op.numResults(); ++i)
    out += fmt::format("{}:{} ", number(op.result(i)), op.result(i)->type.str());
  out += op.name();
  for (const Value *operand : op.operands()) {
    out += ' ' + number(operand);
    if (operand)
      out += ':' + operand->type.str();
  }
  for (const auto &[name, attribute] : op.attributes())
    out += fmt::format(" {}={}", name, print(attribute));
  if (roundsWithinI32(op))
    out += " <";
  if (op.kind() == OpKind::Param) {
    const Tensor &content = op.parameter->content;
    out += ' ' + llvm::toHex(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(content.raw()),
                                            content.bytes()));
  }
  for (unsigned r = 0; r < op.numRegions(); ++r) {
    out += " {";
    for (const auto &argument : op.region(r).arguments())
      out += number(argument.get()) + ' ';
    for (const auto &inner : op.region(r).ops()) {
      appendSignature(out, *inner, numbers);
      out += ';';
    }
    out += '}';
  }
}

std::string signatureOf(const Op &op) {
  std::string out;
  std::map<const Value *, size_t> numbers;
  appendSignature(out, op, numbers);
  return out;
}

const Value &outerValue(const Op &op, const Value &inner) {
  if (op.kind() == OpKind::Fused && !inner.definingOp())
    return *op.operand(inner.index());
  return inner;
}

DType bitsOf(DType dtype) {
  switch (bitWidth(dtype)) {
  case 4:
    return DType::U4;
  case 8:
    return DType::U8;
  case 16:
    return DType::U16;
  case 32:
    return DType::U32;
  default:
    return DType::U64;
  }
}

unsigned KernelBuilder::addArg(const Value &value) {
  auto [it, isNew] = argOf_.try_emplace(&value, 0);
  if (isNew)
    it->second = addArg(context_.arg(value));
  return it->second;
}

unsigned KernelBuilder::addArg(const KernelArg &arg) {
  kernel_.args.push_back(arg);
  return static_cast<unsigned>(kernel_.args.size() - 1);
}

void KernelBuilder::finish(std::string key, uint32_t units,
                           std::function<void(KernelEmitter &)> emit) {
  kernel_.key = kernel_.name + '|' + std::move(key);
  kernel_.units = units;
  kernel_.emit = std::move(emit);
  context_.kernels.push_back(std::move(kernel_));
}

std::vector<int> identityLoops(size_t rank) {
  std::vector<int> loops(rank);
  for (size_t i = 0; i < rank; ++i)
    loops[i] = static_cast<int>(i);
  return loops;
}

std::optional<Dims> elementwiseStrides(const Op &op, unsigned i, const Dims &strides, size_t rank) {
  auto space = iterationSpace(op);
  assert(space && space->operands.size() > i && "element-wise ops declare index maps");
  size_t shift = rank - space->loops.size();
  Dims out(rank, 0);
  const auto &maps = space->operands[i];
  for (size_t axis = 0; axis < maps.size(); ++axis) {
    if (maps[axis].whole)
      return std::nullopt;
    if (op.operand(i)->dims()[axis] == 1)
      continue; // also where the op's own extent is 1 and that of the group is not
    for (const auto &[loop, coefficient] : maps[axis].terms)
      out[shift + loop] += coefficient * strides[axis];
  }
  return out;
}

// --- RegionCode ---

static bool isLaterOp(const Op &op, const Op *anchor) {
  return &op != anchor && op.kind() != OpKind::Param && !op.def().is(OpTrait::Terminator);
}

static unsigned registerBytes(const Op &op) {
  switch (op.kind()) {
  case OpKind::Identity:
  case OpKind::Bitcast:
  case OpKind::Where:
  case OpKind::TableLookup:
    return 1;
  default:
    break;
  }
  unsigned bytes = 1;
  auto widen = [&](DType dtype) { bytes = std::max(bytes, bitWidth(computeType(dtype)) / 8); };
  for (const Value *operand : op.operands())
    if (operand)
      widen(operand->type.dtype);
  widen(op.result()->type.dtype);
  return bytes;
}

static int64_t costOfOp(const Op &op) {
  switch (op.kind()) {
  case OpKind::Exp:
  case OpKind::Sigmoid:
  case OpKind::Swish:
  case OpKind::Elu:
  case OpKind::Selu:
  case OpKind::Celu:
  case OpKind::Log:
    return 6;
  case OpKind::Tanh:
  case OpKind::Erf:
  case OpKind::Gelu:
  case OpKind::Softplus:
  case OpKind::Mish:
  case OpKind::Sin:
  case OpKind::Cos:
  case OpKind::Tan:
  case OpKind::Atan:
  case OpKind::Pow:
    return 12;
  default:
    return 1;
  }
}

Expected<void> RegionCode::addLeaf(const Op &user, unsigned i, size_t rank,
                                   const std::vector<int> &loopOf, KernelBuilder &kernel,
                                   Nest &nest) {
  const Value *value = user.operand(i);
  if (leaves_.contains(value))
    return {};
  const Value &outer = outerValue(*op_, *value);
  Leaf leaf;
  const Tensor *constant = constantOf(&outer);
  if (isPointerOperand(user, i)) {
    leaf.isPointer = true;
    leaf.arg = kernel.addArg(outer);
    key_ += fmt::format("p{},", leaf.arg);
  } else if (constant && constant->elements() == 1) {
    leaf.scalar = constant;
    key_ += llvm::toHex(llvm::ArrayRef(reinterpret_cast<const uint8_t *>(constant->raw()),
                                       constant->bytes())) +
            ',';
  } else {
    Dims own = stridesOf(outer);
    auto strides = user.def().is(OpTrait::Terminator) ? std::optional<Dims>(own)
                                                      : elementwiseStrides(user, i, own, rank);
    if (!strides)
      return error("operand " + std::to_string(i) + " of " + std::string(user.name()) +
                       " is read at places that do not follow the loops of its group",
                   op_->location);
    View view{kernel.addArg(outer), outer.type.dtype, Dims(nest.extents.size(), 0), 0, {}};
    for (size_t axis = 0; axis < rank; ++axis)
      if (loopOf[axis] >= 0)
        view.strides[static_cast<size_t>(loopOf[axis])] += (*strides)[axis];
    leaf.view = nest.addView(std::move(view));
    key_ += fmt::format("v{},", leaf.view);
  }
  leaves_.emplace(value, leaf);
  return {};
}

Expected<RegionCode> RegionCode::create(const Op &op, const Op *anchor,
                                        std::vector<unsigned> results,
                                        const std::vector<int> &loopOf, KernelBuilder &kernel,
                                        Nest &nest) {
  RegionCode code;
  code.op_ = &op;
  code.anchor_ = anchor;
  code.results_ = std::move(results);
  size_t rank = op.result(code.results_[0])->dims().size();
  for (unsigned r : code.results_) {
    const Value &result = *op.result(r);
    assert(result.dims() == op.result(code.results_[0])->dims());
    View view{kernel.addArg(result), result.type.dtype, Dims(nest.extents.size(), 0), 0, {}};
    view.written = true;
    Dims strides = stridesOf(result);
    for (size_t axis = 0; axis < rank; ++axis)
      if (loopOf[axis] >= 0)
        view.strides[static_cast<size_t>(loopOf[axis])] += strides[axis];
    nest.serial |= isSubByte(result.type.dtype); // two units could share a byte
    code.resultViews_.push_back(nest.addView(std::move(view)));
  }
  auto addOp = [&](const Op &user) -> Expected<void> {
    if (!isElementwiseEmittable(user))
      return error(std::string(user.name()) + " cannot follow " +
                       (anchor ? std::string(anchor->name()) : "other ops") + " in one kernel",
                   op.location);
    nest.widest = std::max(nest.widest, registerBytes(user));
    nest.cost += costOfOp(user);
    for (unsigned i = 0; i < user.numOperands(); ++i) {
      const Value *operand = user.operand(i);
      bool isLeaf = operand && (op.kind() != OpKind::Fused || !operand->definingOp());
      if (isLeaf)
        EDGECC_CHECK(code.addLeaf(user, i, rank, loopOf, kernel, nest));
    }
    return {};
  };
  if (op.kind() == OpKind::Fused) {
    for (const auto &inner : op.region(0).ops())
      if (isLaterOp(*inner, anchor))
        EDGECC_CHECK(addOp(*inner));
    Op *yield = op.region(0).terminator();
    for (unsigned r : code.results_) // an argument may be yielded as it is
      if (!yield->operand(r)->definingOp())
        EDGECC_CHECK(code.addLeaf(*yield, r, rank, loopOf, kernel, nest));
  } else if (!anchor) {
    EDGECC_CHECK(addOp(op));
  }
  return code;
}

llvm::Value *RegionCode::leaf(KernelEmitter &e, const Point &point, const Value &value) const {
  const Leaf &leaf = leaves_.at(&value);
  if (leaf.scalar)
    return e.splat(constantElement(e, *leaf.scalar, 0), point.lanes);
  if (leaf.isPointer)
    return e.arg(leaf.arg);
  return point.load(leaf.view);
}

std::vector<llvm::Value *> RegionCode::evaluate(KernelEmitter &e, const Point &point,
                                                const std::vector<llvm::Value *> &anchor) const {
  if (op_->kind() == OpKind::Fused) {
    std::map<const Value *, llvm::Value *> known;
    for (unsigned i = 0; i < anchor.size(); ++i)
      known[anchor_->result(i)] = anchor[i];
    auto yields = emitRegion(e, op_->region(0), point.lanes, std::move(known),
                             [&](const Value &argument) { return leaf(e, point, argument); });
    std::vector<llvm::Value *> values;
    for (unsigned r : results_)
      values.push_back(yields[r]);
    return values;
  }
  if (anchor_)
    return anchor;
  std::vector<llvm::Value *> operands;
  for (const Value *operand : op_->operands())
    operands.push_back(operand ? leaf(e, point, *operand) : nullptr);
  return {emitElementwise(e, *op_, operands, point.lanes)};
}

void RegionCode::emit(KernelEmitter &e, const Point &point,
                      const std::vector<llvm::Value *> &anchor) const {
  auto values = evaluate(e, point, anchor);
  for (size_t i = 0; i < values.size(); ++i)
    point.store(resultViews_[i], values[i]);
}

} // namespace edgecc::native
