#include "backends/reference/Interpreter.h"

#include "backends/reference/Convert.h"

#include <cstring>

namespace edgecc::reference {

Interpreter::Tensors Interpreter::operandsOf(const Op &op) const {
  Tensors operands;
  for (const Value *operand : op.operands())
    operands.push_back(operand ? values_.at(operand) : Tensor());
  return operands;
}

// Reads inside regions count as reads by the op that holds them.
static void collectReads(const Op &op, std::vector<const Value *> &reads) {
  for (const Value *operand : op.operands())
    if (operand)
      reads.push_back(operand);
  for (unsigned i = 0; i < op.numRegions(); ++i)
    for (const auto &inner : op.region(i).ops())
      collectReads(*inner, reads);
}

const Interpreter::LastUses &Interpreter::lastUsesOf(const Block &block) {
  auto [it, isNew] = lastUses_.try_emplace(&block);
  if (!isNew)
    return it->second;
  std::unordered_map<const Value *, const Op *> last;
  std::vector<const Value *> reads;
  for (const auto &op : block.ops()) {
    reads.clear();
    collectReads(*op, reads);
    for (const Value *value : reads)
      if (value->owningBlock() == &block)
        last[value] = op.get();
    for (unsigned i = 0; i < op->numResults(); ++i)
      last.try_emplace(op->result(i), op.get());
  }
  for (const auto &[value, op] : last)
    it->second[op].push_back(value);
  return it->second;
}

Expected<Interpreter::Tensors> Interpreter::run(const Block &block, Tensors arguments) {
  assert(arguments.size() == block.numArguments());
  for (unsigned i = 0; i < arguments.size(); ++i)
    values_[block.argument(i)] = std::move(arguments[i]);
  const LastUses &lastUses = lastUsesOf(block);
  for (const auto &op : block.ops()) {
    if (op->kind() == OpKind::Yield)
      break;
    EDGECC_TRY(results, execute(*op));
    for (unsigned i = 0; i < results.size(); ++i) {
      if (observer_ && op->kind() != OpKind::Param)
        observer_(*op->result(i), results[i]);
      values_[op->result(i)] = std::move(results[i]);
    }
    if (auto dead = lastUses.find(op.get()); dead != lastUses.end())
      for (const Value *value : dead->second)
        values_.erase(value);
  }
  Tensors yields;
  for (const Value *value : block.yields())
    yields.push_back(values_.at(value));
  if (auto dead = lastUses.find(block.terminator()); dead != lastUses.end())
    for (const Value *value : dead->second)
      values_.erase(value);
  for (const auto &argument : block.arguments())
    values_.erase(argument.get());
  return yields;
}

Expected<Interpreter::Tensors> Interpreter::execute(const Op &op) {
  switch (op.kind()) {
  case OpKind::Param:
    return Tensors{aligned(op.parameter->content)};
  case OpKind::Fused:
    return run(op.region(0), operandsOf(op));
  case OpKind::If:
    return runIf(op);
  case OpKind::Loop:
    return runLoop(op);
  case OpKind::Scan:
    return runScan(op);
  default:
    return executor_.evaluate(op, operandsOf(op));
  }
}

Expected<Interpreter::Tensors> Interpreter::runIf(const Op &op) {
  bool condition = values_.at(op.operand(0)).asInt(0) != 0;
  return run(op.region(condition ? 0 : 1), {});
}

// Slices stacked along a new first axis. `slice` gives the type when there are none.
static Expected<Tensor> stack(const Op &op, const std::vector<Tensor> &slices, const Type &slice) {
  Dims dims = slices.empty() ? slice.dims : slices[0].dims();
  for (const Tensor &tensor : slices)
    if (tensor.dims() != dims)
      return error("the trips of " + std::string(op.name()) + " yield slices of different shapes",
                   op.location);
  dims.insert(dims.begin(), static_cast<int64_t>(slices.size()));
  Tensor result(slice.dtype, dims);
  if (isSubByte(slice.dtype)) {
    int64_t at = 0;
    for (const Tensor &tensor : slices)
      for (int64_t i = 0; i < tensor.elements(); ++i)
        result.setDouble(at++, tensor.asDouble(i));
    return result;
  }
  std::byte *out = result.mutableRaw();
  for (const Tensor &tensor : slices)
    out = static_cast<std::byte *>(std::memcpy(out, tensor.raw(), tensor.bytes())) + tensor.bytes();
  return result;
}

Expected<Interpreter::Tensors> Interpreter::runLoop(const Op &op) {
  const Block &body = op.region(0);
  Tensors operands = operandsOf(op);
  Tensor condition = std::move(operands[0]);
  Tensors carried(operands.begin() + 1, operands.end());
  std::vector<Tensors> stacked(op.numResults() - carried.size());
  int64_t trips = op.integer("max_trips");
  for (int64_t trip = 0; trip < trips; ++trip) {
    if (!op.flag("fixed_trips") && condition.asInt(0) == 0)
      break;
    Tensors arguments{Tensor::scalar<int64_t>(DType::I64, trip),
                      condition.reshaped(body.argument(1)->dims())};
    std::move(carried.begin(), carried.end(), std::back_inserter(arguments));
    EDGECC_TRY(yields, run(body, std::move(arguments)));
    condition = std::move(yields[0]);
    for (size_t i = 0; i < carried.size(); ++i)
      carried[i] = std::move(yields[1 + i]);
    for (size_t i = 0; i < stacked.size(); ++i)
      stacked[i].push_back(std::move(yields[1 + carried.size() + i]));
  }
  for (size_t i = 0; i < stacked.size(); ++i) {
    EDGECC_TRY(result, stack(op, stacked[i], body.yields()[1 + operands.size() - 1 + i]->type));
    carried.push_back(std::move(result));
  }
  return carried;
}

// Slice `i` along the first axis.
static Tensor sliceOf(const Tensor &x, int64_t i) {
  Tensor slice(x.dtype(), Dims(x.dims().begin() + 1, x.dims().end()));
  if (isSubByte(x.dtype())) {
    for (int64_t k = 0; k < slice.elements(); ++k)
      slice.setDouble(k, x.asDouble(i * slice.elements() + k));
    return slice;
  }
  std::memcpy(slice.mutableRaw(), x.raw() + static_cast<size_t>(i) * slice.bytes(), slice.bytes());
  return slice;
}

static bool isReversed(const std::vector<int64_t> &flags, size_t i) {
  return i < flags.size() && flags[i] != 0;
}

Expected<Interpreter::Tensors> Interpreter::runScan(const Op &op) {
  const Block &body = op.region(0);
  Tensors operands = operandsOf(op);
  auto scans = static_cast<size_t>(op.integer("num_scans"));
  size_t numStates = operands.size() - scans;
  Tensors states(operands.begin(), operands.begin() + static_cast<ptrdiff_t>(numStates));
  std::vector<Tensors> stacked(op.numResults() - numStates);
  int64_t length = operands[numStates].dims()[0];
  for (size_t i = 0; i < scans; ++i)
    if (operands[numStates + i].dims()[0] != length)
      return error("the scanned operands of Scan have different extents", op.location);
  for (int64_t trip = 0; trip < length; ++trip) {
    Tensors arguments = std::move(states);
    for (size_t i = 0; i < scans; ++i)
      arguments.push_back(sliceOf(operands[numStates + i], isReversed(op.ints("reverse_inputs"), i)
                                                               ? length - 1 - trip
                                                               : trip));
    EDGECC_TRY(yields, run(body, std::move(arguments)));
    states.assign(std::make_move_iterator(yields.begin()),
                  std::make_move_iterator(yields.begin() + static_cast<ptrdiff_t>(numStates)));
    for (size_t i = 0; i < stacked.size(); ++i)
      stacked[i].push_back(std::move(yields[numStates + i]));
  }
  for (size_t i = 0; i < stacked.size(); ++i) {
    if (isReversed(op.ints("reverse_outputs"), i))
      std::reverse(stacked[i].begin(), stacked[i].end());
    EDGECC_TRY(result, stack(op, stacked[i], body.yields()[numStates + i]->type));
    states.push_back(std::move(result));
  }
  return states;
}

} // namespace edgecc::reference
