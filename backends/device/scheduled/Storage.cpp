#include "backends/device/scheduled/Storage.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::device::scheduled {

using emulator::BufferRole;

namespace {

// A copy of consecutive elements in order.
bool isBlock(const emulator::CopyT &copy) {
  return copy.dims.empty() ||
         (copy.dims.size() == 1 && copy.from_strides[0] == 1 && copy.to_strides[0] == 1);
}

int64_t elementsOf(const emulator::CopyT &copy) {
  int64_t elements = 1;
  for (int64_t extent : copy.dims)
    elements *= extent;
  return elements;
}

int64_t elementBytes(const Value &value) { return bitWidth(value.type.dtype) / 8; }

std::string nameOf(const Value &value) {
  if (!value.provenance.tensor.empty())
    return value.provenance.tensor;
  return value.definingOp() ? value.definingOp()->location : "";
}

} // namespace

Storage::Storage(const Function &function, const Tasks &tasks, const StreamMachine &machine,
                 WeightsBuilder &weights)
    : machine_(machine), weights_(weights) {
  for (const Task &task : tasks.list)
    for (const Value *output : task.outputs)
      producer_[output] = &task;
  for (unsigned i = 0; i < function.body.numArguments(); ++i) {
    const Value *argument = function.body.argument(i);
    bufferOf_[argument] = add(*argument, BufferRole::Input, i, function.inputs[i].name);
  }
  aliasMoves(tasks);
  for (const Task &task : tasks.list)
    for (const Value *output : task.outputs)
      if (!aliases_.contains(output))
        bufferOf_[output] = add(*output, BufferRole::Scratch, 0, nameOf(*output));
  // An output that fills a buffer of its own is written there; others are copied at the end.
  const auto &yields = function.body.yields();
  for (unsigned port = 0; port < yields.size(); ++port) {
    const Value *value = yields[port];
    auto [root, offset] = rootOf(value);
    bool isWhole =
        offset == 0 && bytesOf(root->type) == bytesOf(value->type) && producer_.contains(root);
    if (isWhole && buffers[bufferOf_.at(root)].role == BufferRole::Scratch) {
      VirtualBuffer &buffer = buffers[bufferOf_.at(root)];
      buffer.role = BufferRole::Output;
      buffer.content = port;
      buffer.name = function.outputs[port].name;
      buffer.isLocal = false;
    } else {
      outputCopies_.push_back(
          {value, add(*value, BufferRole::Output, port, function.outputs[port].name)});
    }
  }
  addConstants(tasks);
}

uint32_t Storage::add(const Value &value, BufferRole role, uint64_t content, std::string name) {
  VirtualBuffer buffer;
  buffer.name = std::move(name);
  buffer.bytes = static_cast<uint64_t>(bytesOf(value.type));
  buffer.role = role;
  buffer.content = content;
  buffer.isLocal =
      role == BufferRole::Scratch && machine_.local >= 0 && buffer.bytes <= machine_.localBytes;
  buffers.push_back(std::move(buffer));
  return static_cast<uint32_t>(buffers.size() - 1);
}

std::pair<const Value *, int64_t> Storage::rootOf(const Value *value) const {
  int64_t offset = 0;
  for (auto it = aliases_.find(value); it != aliases_.end(); it = aliases_.find(value)) {
    offset += it->second.offset;
    value = it->second.parent;
  }
  return {value, offset};
}

// Whether `value`'s producer may write it into a part of a larger buffer: it computes it into a
// buffer of its own so far.
bool Storage::mayEmbed(const Value *value, const Task &into) const {
  auto producer = producer_.find(value);
  if (producer == producer_.end() || aliases_.contains(value))
    return false;
  return std::ranges::count(into.inputs, value) == 1;
}

void Storage::aliasMoves(const Tasks &tasks) {
  for (const Task &task : tasks.list)
    if (const auto *move = task.kernel.AsMove(); move && task.stages.empty())
      aliasOutput(task, *move);
}

void Storage::aliasOutput(const Task &task, const emulator::MoveT &move) {
  const Value *output = task.output();
  int64_t size = elementBytes(*output);
  if (size == 0)
    return;
  if (move.copies.size() == 1 && isBlock(*move.copies[0]) &&
      elementsOf(*move.copies[0]) == output->type.elements()) {
    // The output is part of the input, or the same under another shape.
    aliases_[output] = {task.inputs[move.copies[0]->input], move.copies[0]->from_offset * size};
    return;
  }
  int64_t written = 0;
  for (const auto &copy : move.copies)
    written += elementsOf(*copy);
  if (written != output->type.elements()) // the fill value would come after what is in place
    return;
  for (const auto &copy : move.copies) {
    const Value *input = task.inputs[copy->input];
    if (isBlock(*copy) && copy->from_offset == 0 && elementsOf(*copy) == input->type.elements() &&
        mayEmbed(input, task))
      aliases_[input] = {output, copy->to_offset * size};
  }
}

MoveCopies Storage::copiesOf(const Task &task) const {
  MoveCopies result;
  const emulator::MoveT &move = *task.kernel.AsMove();
  const Value *output = task.output();
  int64_t written = 0;
  for (const auto &copy : move.copies) {
    written += elementsOf(*copy);
    auto [inputRoot, inputOffset] = rootOf(task.inputs[copy->input]);
    auto [outputRoot, outputOffset] = rootOf(output);
    int64_t size = elementBytes(*output);
    bool isThere = inputRoot == outputRoot && isBlock(*copy) &&
                   inputOffset + copy->from_offset * size == outputOffset + copy->to_offset * size;
    if (!isThere)
      result.copies.push_back(copy.get());
  }
  result.needsFill = written < output->type.elements();
  return result;
}

Place Storage::placeOf(const Value *value) const {
  auto [root, offset] = rootOf(value);
  return {bufferOf_.at(root), offset};
}

void Storage::addConstants(const Tasks &tasks) {
  for (const Task &task : tasks.list) {
    for (const Value *input : task.inputs)
      addConstant(rootOf(input).first);
    if (!task.kernel.AsMove() || !copiesOf(task).needsFill)
      continue;
    Tensor fill(task.output()->type.dtype, {1});
    fill.setDouble(0, task.kernel.AsMove()->fill);
    fills_[&task] = constant(std::as_bytes(fill.data<uint8_t>()), "fill value");
  }
  for (const OutputCopy &copy : outputCopies_)
    addConstant(rootOf(copy.value).first);
}

void Storage::addConstant(const Value *root) {
  if (bufferOf_.contains(root))
    return;
  const Tensor *content = constantOf(root);
  assert(content && "a value that no task computes is a constant or an argument");
  uint64_t at = weights_.add(*content, machine_.memory(machine_.main).alignment);
  auto key = std::make_pair(at, uint64_t{content->bytes()});
  auto known = constants_.find(key);
  if (known == constants_.end()) {
    uint32_t buffer = add(*root, BufferRole::Constant, at, root->definingOp()->parameter->name);
    known = constants_.emplace(key, buffer).first;
  }
  bufferOf_[root] = known->second;
}

uint32_t Storage::constant(std::span<const std::byte> bytes, std::string name) {
  uint64_t at = weights_.addBytes(bytes, machine_.memory(machine_.main).alignment);
  auto key = std::make_pair(at, uint64_t{bytes.size()});
  auto known = constants_.find(key);
  if (known != constants_.end())
    return known->second;
  VirtualBuffer buffer;
  buffer.name = std::move(name);
  buffer.bytes = bytes.size();
  buffer.role = BufferRole::Constant;
  buffer.content = at;
  buffers.push_back(std::move(buffer));
  constants_[key] = static_cast<uint32_t>(buffers.size() - 1);
  return constants_[key];
}

} // namespace edgecc::device::scheduled
