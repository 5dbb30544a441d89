#include "backends/device/scheduled/Emitter.h"

#include "backends/device/tasks/Layers.h"
#include "runtime/emulator/scheduled/Machine.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::device::scheduled {

using emulator::BufferRole;
using emulator::ElementType;
using emulator::InstructionT;
using emulator::ViewT;

namespace {

// Fewer units than the best may cost this much time: they leave slices to others.
constexpr double kUnitTolerance = 1.03;

Dims packedStrides(const Dims &dims, int64_t bytes) {
  Dims strides(dims.size());
  for (size_t i = dims.size(); i-- > 0; bytes *= dims[i])
    strides[i] = bytes;
  return strides;
}

} // namespace

Emitter::Emitter(const Tasks &tasks, const StreamMachine &machine, Storage &storage,
                 Attempt &attempt)
    : buffers(storage.buffers), tasks_(tasks), machine_(machine), storage_(storage),
      attempt_(attempt), layerOf_(tasks.list.size() + 1, -1) {}

Expected<void> Emitter::run() {
  Diagnostics diagnostics;
  for (current_ = 0; current_ < tasks_.list.size(); ++current_) {
    loaded_.clear();
    startsStage_ = true;
    hasVectorBegun_ = false;
    isLine_ = false;
    Expected<void> emitted;
    switch (attempt_.choices[current_].runner) {
    case Runner::Convolution:
      emitted = convolution();
      break;
    case Runner::Channelwise:
      emitted = channelwise();
      break;
    case Runner::Product:
      emitted = product();
      break;
    case Runner::Vector:
      emitted = vector();
      break;
    case Runner::Move:
      emitted = move();
      break;
    case Runner::Host:
      emitted = host();
      break;
    }
    if (!emitted)
      diagnostics.insert(diagnostics.end(), emitted.error().begin(), emitted.error().end());
  }
  if (!diagnostics.empty())
    return tl::unexpected(std::move(diagnostics));
  for (const OutputCopy &copy : storage_.outputCopies())
    copyOutput(copy);
  return {};
}

std::string Emitter::where() const {
  if (current_ == tasks_.list.size() || task().ops.empty())
    return "outputs";
  return task().ops.front()->location;
}

uint32_t Emitter::layer() {
  if (layerOf_[current_] < 0) {
    layerOf_[current_] = static_cast<int>(layers.size());
    if (current_ < tasks_.list.size()) {
      layers.push_back(layerOf(task()));
    } else { // outputs that nothing computes
      layers.push_back(std::make_unique<emulator::LayerT>());
      layers.back()->name = "outputs";
      layers.back()->op = "Copy";
    }
  }
  return static_cast<uint32_t>(layerOf_[current_]);
}

// --- views ---

ViewT Emitter::packed(const Place &place, ElementType type, const Dims &dims) const {
  ViewT view;
  view.buffer = place.buffer;
  view.type = type;
  view.dims = dims;
  unsigned bits = emulator::bitsOf(type);
  view.offset = place.offset;
  view.strides = packedStrides(dims, bits == 4 ? 1 : bits / 8); // of 4-bit constants: elements
  return view;
}

ViewT Emitter::inputView(size_t input) {
  const Value *value = task().inputs[input];
  return packed(storage_.placeOf(value), elementTypeOf(value->type.dtype), task().inputDims[input]);
}

ViewT Emitter::outputView() {
  const Value *value = task().output();
  return packed(storage_.placeOf(value), elementTypeOf(value->type.dtype), value->dims());
}

ViewT Emitter::part(const ViewT &view, const std::vector<Range> &ranges) {
  ViewT result = view;
  for (size_t i = 0; i < ranges.size(); ++i) {
    result.offset += ranges[i].begin * view.strides[i];
    result.dims[i] = ranges[i].size;
  }
  return result;
}

ViewT Emitter::operandPart(const ViewT &view, const std::vector<Range> &tile) {
  std::vector<Range> ranges(view.dims.size());
  for (size_t i = 0; i < view.dims.size(); ++i) {
    size_t axis = i + tile.size() - view.dims.size(); // aligned at the last
    ranges[i] = view.dims[i] == 1 ? Range{0, 1} : tile[axis];
  }
  return part(view, ranges);
}

// --- buffers and transfers ---

uint32_t Emitter::memoryOf(uint32_t buffer) const {
  return buffers[buffer].isLocal ? static_cast<uint32_t>(machine_.local) : machine_.main;
}

bool Emitter::isReached(uint32_t buffer) const {
  return machine_.reaches(machine_.convolution, memoryOf(buffer));
}

ViewT Emitter::stagingView(const Dims &dims, ElementType type, std::string_view suffix) {
  VirtualBuffer buffer;
  buffer.name = fmt::format("{} {}", where(), suffix);
  buffer.bytes = emulator::bitsOf(type) / 8 * static_cast<uint64_t>(numElements(dims));
  buffer.isLocal = machine_.local >= 0;
  buffer.isStaging = true;
  buffer.layer = layer();
  buffers.push_back(std::move(buffer));
  return packed({static_cast<uint32_t>(buffers.size() - 1), 0}, type, dims);
}

ViewT Emitter::load(const ViewT &from, std::string_view suffix) {
  ViewT to = stagingView(from.dims, from.type, suffix);
  Draft &draft = add(machine_.transfer, {});
  draft.it->kernel.Set(emulator::MapT());
  draft.isLoad = true;
  draft.it->inputs.push_back(std::make_unique<ViewT>(from));
  draft.it->outputs.push_back(std::make_unique<ViewT>(to));
  return to;
}

void Emitter::store(const ViewT &from, const ViewT &to) {
  Draft &draft = add(machine_.transfer, {});
  draft.it->kernel.Set(emulator::MapT());
  draft.it->inputs.push_back(std::make_unique<ViewT>(from));
  draft.it->outputs.push_back(std::make_unique<ViewT>(to));
}

ViewT Emitter::reachable(const ViewT &view) {
  if (isReached(view.buffer))
    return view;
  auto known = loaded_.find({view.buffer, view.offset});
  ViewT result = view;
  if (known == loaded_.end()) {
    result = load(view, "constants");
    loaded_[{view.buffer, view.offset}] = result.buffer;
    return result;
  }
  return packed({known->second, 0}, view.type, view.dims);
}

// --- instructions ---

Draft &Emitter::add(int engine, emulator::KernelUnion kernel) {
  Draft draft;
  draft.it = std::make_unique<InstructionT>();
  draft.it->kernel = std::move(kernel);
  draft.it->layer = layer();
  draft.engine = engine;
  draft.task = current_;
  if (startsStage_ && engine != machine_.transfer) {
    draft.it->starts_stage = true;
    startsStage_ = false;
  }
  if (engine == machine_.vector) { // it runs on from tile to tile
    draft.it->continues = hasVectorBegun_ && !draft.it->starts_stage;
    hasVectorBegun_ = true;
  }
  drafts.push_back(std::move(draft));
  return drafts.back();
}

// Stages of the task behind what the instruction computes of `tile`.
void Emitter::addStages(InstructionT &instruction, size_t first, size_t count,
                        const std::vector<Range> &tile, bool onEngine) {
  for (size_t i = first; i < first + count; ++i) {
    auto stage = std::make_unique<emulator::StageT>(*task().stages[i]);
    for (uint32_t &operand : stage->operands) {
      ViewT view = inputView(operand);
      if (onEngine)
        view = reachable(view);
      view = spatial(view);
      operand = static_cast<uint32_t>(instruction.inputs.size());
      instruction.inputs.push_back(std::make_unique<ViewT>(operandPart(view, tile)));
    }
    instruction.stages.push_back(std::move(stage));
  }
}

unsigned Emitter::unitsBeside(const ViewT &tile) const {
  const auto &engine = machine_.engine(machine_.vector);
  if (machine_.slices == 0 || engine.slices_per_unit == 0)
    return machine_.vectorUnits;
  uint64_t slice = emulator::sliceBytes(machine_.memory(static_cast<uint32_t>(machine_.local)));
  uint64_t slices = (2 * buffers[tile.buffer].bytes + slice - 1) / slice;
  uint64_t left = machine_.slices - std::min<uint64_t>(slices, machine_.slices);
  return static_cast<unsigned>(std::max<uint64_t>(left / engine.slices_per_unit, 1));
}

void Emitter::chooseUnits(InstructionT &instruction, unsigned most) {
  std::vector<uint32_t> memories(buffers.size());
  for (const auto *views : {&instruction.inputs, &instruction.outputs})
    for (const auto &view : *views)
      memories[view->buffer] = memoryOf(view->buffer);
  const auto &engine = machine_.engine(machine_.vector);
  auto timeOf = [&](uint32_t units) {
    instruction.units = units;
    return emulator::aloneUs(*machine_.device,
                             emulator::costOf(*machine_.device, engine, instruction, memories));
  };
  most = std::min(most, machine_.vectorUnits);
  double best = timeOf(most);
  uint32_t units = 1;
  while (units < most && timeOf(units) > best * kUnitTolerance)
    ++units;
  instruction.units = units;
}

Expected<void> Emitter::vector() {
  Draft &draft = add(machine_.vector, task().kernel);
  for (size_t i = 0; i < task().inputs.size(); ++i)
    draft.it->inputs.push_back(std::make_unique<ViewT>(inputView(i)));
  for (const auto &stage : task().stages)
    draft.it->stages.push_back(std::make_unique<emulator::StageT>(*stage));
  draft.it->outputs.push_back(std::make_unique<ViewT>(outputView()));
  chooseUnits(*draft.it);
  if (const std::string &note = attempt_.choices[current_].note; !note.empty())
    notes.push_back(
        fmt::format("{} runs on {}: {}", where(), machine_.engine(machine_.vector).name, note));
  return {};
}

Expected<void> Emitter::host() {
  Draft &draft = add(machine_.host, task().kernel);
  for (size_t i = 0; i < task().inputs.size(); ++i)
    draft.it->inputs.push_back(std::make_unique<ViewT>(inputView(i)));
  for (const Value *output : task().outputs)
    draft.it->outputs.push_back(std::make_unique<ViewT>(
        packed(storage_.placeOf(output), elementTypeOf(output->type.dtype), output->dims())));
  return {};
}

void Emitter::copyOutput(const OutputCopy &copy) {
  auto producer = std::ranges::find_if(tasks_.list, [&](const Task &task) {
    return std::ranges::find(task.outputs, copy.value) != task.outputs.end();
  });
  current_ = static_cast<size_t>(producer - tasks_.list.begin()); // past the end: a constant
  hasVectorBegun_ = false;
  Dims dims{copy.value->type.elements()};
  ElementType type = elementTypeOf(copy.value->type.dtype);
  Draft &draft = add(machine_.transfer >= 0 ? machine_.transfer : machine_.vector, {});
  draft.it->kernel.Set(emulator::MapT());
  draft.it->inputs.push_back(
      std::make_unique<ViewT>(packed(storage_.placeOf(copy.value), type, dims)));
  draft.it->outputs.push_back(std::make_unique<ViewT>(packed({copy.buffer, 0}, type, dims)));
  if (draft.engine == machine_.vector)
    chooseUnits(*draft.it);
}

} // namespace edgecc::device::scheduled
