#include "tests/unit/passes/MemoryReplay.h"

#include "ir/OpDef.h"
#include "ir/Text.h"
#include "ir/Views.h"

#include <algorithm>
#include <cstring>

namespace edgecc::test {

// Sub-byte values are compared as the bytes that hold them.
size_t MemoryReplay::elementBytes(const Value &value) {
  return std::max(1u, bitWidth(value.type.dtype) / 8);
}

std::vector<int64_t> MemoryReplay::addresses(const Value &value) const {
  std::vector<int64_t> out;
  if (isSubByte(value.type.dtype)) {
    for (int64_t i = 0; i < value.type.bytes(); ++i)
      out.push_back(value.storage->offset + i);
    return out;
  }
  const Dims &dims = value.dims();
  if (numElements(dims) == 0)
    return out;
  Dims index(dims.size(), 0);
  int64_t position = 0;
  while (true) {
    out.push_back(value.storage->offset + position * static_cast<int64_t>(elementBytes(value)));
    size_t axis = dims.size();
    while (axis-- > 0) {
      position += value.storage->strides[axis];
      if (++index[axis] < dims[axis])
        break;
      position -= dims[axis] * value.storage->strides[axis];
      index[axis] = 0;
    }
    if (axis == static_cast<size_t>(-1))
      return out;
  }
}

MemoryReplay::Bytes &MemoryReplay::memory(const Storage &storage) {
  return memory_[{storage.space, storage.index}];
}

MemoryReplay::Bytes MemoryReplay::randomBytes(const Value &value) {
  Bytes bytes(static_cast<size_t>(value.type.bytes()));
  for (unsigned char &byte : bytes)
    byte = static_cast<unsigned char>(random_());
  return bytes;
}

void MemoryReplay::write(const Value &value, const Bytes &content) {
  Bytes &at = memory(*value.storage);
  size_t size = elementBytes(value), i = 0;
  for (int64_t address : addresses(value)) {
    if (address < 0) {
      failure_ = "a value lies before the start of its space";
      return;
    }
    if (at.size() < static_cast<size_t>(address) + size)
      at.resize(static_cast<size_t>(address) + size);
    std::memcpy(&at[static_cast<size_t>(address)], &content[i], size);
    i += size;
  }
}

void MemoryReplay::set(const Value &value, Bytes content) {
  write(value, content);
  contents_[&value] = std::move(content);
}

void MemoryReplay::expect(const Value &value, Bytes content) {
  contents_[&value] = std::move(content);
}

void MemoryReplay::check(const Value &value, const Op &reader) {
  if (constantOf(&value) || !failure_.empty())
    return;
  if (!value.storage) {
    failure_ = "an operand has no storage: " + print(reader);
    return;
  }
  const Bytes &want = contents_.at(&value);
  const Bytes &at = memory(*value.storage);
  size_t size = elementBytes(value), i = 0;
  for (int64_t address : addresses(value)) {
    if (static_cast<size_t>(address) + size > at.size() ||
        std::memcmp(&at[static_cast<size_t>(address)], &want[i], size) != 0) {
      failure_ = "a value was overwritten before: " + print(reader);
      return;
    }
    i += size;
  }
}

MemoryReplay::Bytes MemoryReplay::moved(const Op &op) {
  if (op.numOperands() == 0 || op.numResults() != 1 || isSubByte(op.result()->type.dtype))
    return {};
  const Value &result = *op.result();
  size_t size = elementBytes(result);
  if (op.kind() == OpKind::Concat) {
    // Write the operands into a dense result.
    Bytes out(static_cast<size_t>(result.type.bytes()));
    auto axis = static_cast<size_t>(op.integer("axis"));
    Dims strides = rowMajorStrides(result.dims());
    size_t outer = 1, inner = static_cast<size_t>(strides[axis]) * size;
    for (size_t i = 0; i < axis; ++i)
      outer *= static_cast<size_t>(result.dims()[i]);
    size_t row = inner * static_cast<size_t>(result.dims()[axis]), start = 0;
    for (const Value *operand : op.operands()) {
      size_t run = inner * static_cast<size_t>(operand->dims()[axis]);
      const Bytes &in = contents_.at(operand);
      for (size_t i = 0; i < outer && run; ++i)
        std::memcpy(&out[i * row + start], &in[i * run], run);
      start += run;
    }
    return out;
  }
  Storage dense{Storage::Space::Arena, 0, 0, rowMajorStrides(op.operand(0)->dims())};
  auto view = viewOf(op, dense);
  if (!view)
    return {};
  Value probe;
  probe.type = result.type;
  probe.storage = *view;
  const Bytes &in = contents_.at(op.operand(0));
  Bytes out;
  for (int64_t address : addresses(probe))
    out.insert(out.end(), in.begin() + address, in.begin() + address + static_cast<int64_t>(size));
  return out;
}

void MemoryReplay::branches(const Op &op) {
  auto before = memory_;
  for (unsigned i = 0; i < 2; ++i) {
    memory_ = before;
    block(op.region(i));
    for (unsigned r = 0; r < op.numResults(); ++r) {
      check(*op.region(i).yields()[r], op);
      expect(*op.result(r), contents_.at(op.region(i).yields()[r]));
      check(*op.result(r), op); // the branch wrote it there
    }
  }
}

// Copies between arguments, yields and results as the entry function does them: docs/lowering.md.
void MemoryReplay::loop(const Op &op) {
  const Block &body = op.region(0);
  bool isLoop = op.kind() == OpKind::Loop;
  unsigned first = isLoop ? 1 : 0;
  unsigned carried =
      op.numOperands() - (isLoop ? 1 : static_cast<unsigned>(op.integer("num_scans")));
  unsigned firstArgument = isLoop ? 2 : 0;
  for (unsigned i = 0; i < carried; ++i) {
    expect(*body.argument(firstArgument + i), contents_.at(op.operand(first + i)));
    check(*body.argument(firstArgument + i), op);
  }
  std::map<unsigned, Bytes> stacks;
  for (unsigned r = carried; r < op.numResults(); ++r)
    stacks[r] = {};
  int64_t trips = isLoop ? op.integer("max_trips") : op.operand(carried)->dims()[0];
  for (int64_t trip = 0; trip < trips; ++trip) {
    for (unsigned i = 0; i < body.numArguments(); ++i)
      if (i < firstArgument || i >= firstArgument + carried)
        set(*body.argument(i), randomBytes(*body.argument(i)));
    for (unsigned i = carried + first; i < op.numOperands(); ++i)
      check(*op.operand(i), op);
    block(body);
    for (const Value *yielded : body.yields())
      check(*yielded, op);
    for (unsigned i = 0; i < carried; ++i) {
      expect(*body.argument(firstArgument + i), contents_.at(body.yields()[first + i]));
      check(*body.argument(firstArgument + i), op);
    }
    for (auto &[r, stack] : stacks) {
      const Bytes &slice = contents_.at(body.yields()[first + r]);
      stack.insert(stack.end(), slice.begin(), slice.end());
      // Grow the stacked result slice by slice, as far as it is known.
      Bytes padded = stack;
      padded.resize(static_cast<size_t>(op.result(r)->type.bytes()));
      set(*op.result(r), padded);
    }
  }
  for (unsigned i = 0; i < carried; ++i) {
    expect(*op.result(i), contents_.at(body.argument(firstArgument + i)));
    check(*op.result(i), op);
  }
  for (auto &[r, stack] : stacks)
    if (trips == 0)
      set(*op.result(r), randomBytes(*op.result(r)));
}

void MemoryReplay::op(const Op &op) {
  if (op.parameter) {
    expect(*op.result(), randomBytes(*op.result()));
    return;
  }
  for (const Value *operand : op.operands())
    if (operand)
      check(*operand, op);
  if (op.def().is(OpTrait::Terminator) || !failure_.empty())
    return;
  if (op.kind() == OpKind::If)
    return branches(op);
  if (op.kind() == OpKind::Loop || op.kind() == OpKind::Scan)
    return loop(op);
  for (unsigned i = 0; i < op.numResults(); ++i)
    if (!op.result(i)->storage) {
      failure_ = "a result has no storage: " + print(op);
      return;
    }
  if (Bytes bytes = moved(op); !bytes.empty() && isMaterializedView(op))
    return expect(*op.result(), std::move(bytes)); // nothing is copied
  else if (!bytes.empty())
    return set(*op.result(), std::move(bytes));
  for (unsigned i = 0; i < op.numResults(); ++i)
    set(*op.result(i), randomBytes(*op.result(i)));
}

void MemoryReplay::block(const Block &block) {
  for (const auto &inner : block.ops()) {
    op(*inner);
    if (!failure_.empty())
      return;
  }
}

std::string MemoryReplay::run(const Function &function) {
  memory_.clear();
  contents_.clear();
  failure_.clear();
  for (const auto &argument : function.body.arguments())
    set(*argument, randomBytes(*argument));
  block(function.body);
  for (unsigned i = 0; i < function.body.yields().size() && failure_.empty(); ++i) {
    const Storage &at = *function.body.yields()[i]->storage;
    if (at.space != Storage::Space::Output || at.index != i || at.offset != 0)
      failure_ = "output " + std::to_string(i) + " is not in its place";
  }
  return failure_;
}

} // namespace edgecc::test
