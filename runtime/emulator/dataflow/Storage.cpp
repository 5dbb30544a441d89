// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/dataflow/Storage.h"

#include "runtime/emulator/Check.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <fmt/format.h>

namespace edgecc::emulator::dataflow {

namespace {

uint64_t bytesOf(const StreamT &stream) {
  uint64_t elements = 1;
  for (int64_t extent : stream.dims)
    elements *= static_cast<uint64_t>(extent);
  return elements * bitsOf(stream.type) / 8;
}

Bytes allocate(uint64_t bytes) { // zeros, of which the system gives pages when they are touched
  return Bytes(static_cast<std::byte *>(std::calloc(std::max<uint64_t>(bytes, 1), 1)));
}

Result<void> checkPort(const char *what, size_t port, size_t count, uint64_t bytes,
                       auto sizeOfPort) {
  if (port >= count)
    return fault(FaultKind::BadInput,
                 fmt::format("the program uses {} {}, and {} are given", what, port, count));
  if (sizeOfPort(port) != bytes)
    return fault(FaultKind::BadInput, fmt::format("{} {} has {} bytes, and not {}", what, port,
                                                  sizeOfPort(port), bytes));
  return {};
}

// Copies row `row` between a whole tensor and a slot, in which it is packed.
template <class Copy>
void forRow(const StreamT &stream, int64_t row, uint64_t rowBytes, Copy copy) {
  if (stream.row_axis < 0)
    return copy(0, 0, rowBytes);
  auto axis = static_cast<size_t>(stream.row_axis);
  uint64_t inner = bitsOf(stream.type) / 8, outer = 1;
  for (size_t i = 0; i < stream.dims.size(); ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : static_cast<uint64_t>(stream.dims[i]);
  auto rows = static_cast<uint64_t>(stream.dims[axis]);
  for (uint64_t i = 0; i < outer; ++i)
    copy((i * rows + static_cast<uint64_t>(row)) * inner, i * inner, inner);
}

} // namespace

Result<Storage> Storage::make(const ProgramT &program, std::span<const std::byte> weights,
                              std::span<const std::span<const std::byte>> inputs,
                              std::span<const std::span<std::byte>> outputs, unsigned frames) {
  const DataflowProgramT &dataflow = *program.dataflow;
  for (const auto &context : dataflow.contexts)
    for (const auto &stream : context->streams) {
      Result<void> checked;
      if (stream->role == StreamRole::Input)
        checked = checkPort("input", stream->port, inputs.size(), bytesOf(*stream),
                            [&](size_t port) { return inputs[port].size(); });
      if (stream->role == StreamRole::Output)
        checked = checkPort("output", stream->port, outputs.size(), bytesOf(*stream),
                            [&](size_t port) { return outputs[port].size(); });
      if (!checked)
        return tl::unexpected(checked.error());
    }
  for (const auto &step : dataflow.host_steps)
    for (const auto *tensors : {&step->inputs, &step->outputs})
      for (const HostTensor &tensor : *tensors)
        if ((tensor.role() == StreamRole::Input && tensor.index() >= inputs.size()) ||
            (tensor.role() == StreamRole::Output && tensor.index() >= outputs.size()))
          return fault(FaultKind::BadInput, "a host part uses an input or output that is not given",
                       static_cast<int>(step->layer));
  Storage storage;
  storage.program_ = &program;
  storage.weights_ = weights;
  storage.frames_ = frames;
  storage.inputs_.assign(inputs.begin(), inputs.end());
  storage.outputs_.assign(outputs.begin(), outputs.end());
  const DataflowMachineT &machine = *program.device->dataflow;
  for (uint32_t i = 0; i < machine.clusters; ++i)
    storage.clusters_.push_back(allocate(machine.memory_bytes));
  uint64_t total = 0;
  for (uint64_t bytes : dataflow.boundaries) {
    total += bytes * frames;
    if (total > kMaxMemoryBytes)
      return fault(FaultKind::BadInput,
                   "the boundary tensors of a batch take more than 2^32 bytes");
    storage.boundaries_.push_back(allocate(bytes * frames));
  }
  auto missing = [](const Bytes &bytes) { return !bytes; };
  if (std::ranges::any_of(storage.clusters_, missing) ||
      std::ranges::any_of(storage.boundaries_, missing))
    return fault(FaultKind::BadInput, "there is not enough memory for the device's memories");
  return storage;
}

std::span<const std::byte> Storage::read(const HostTensor &tensor, unsigned frame) const {
  if (tensor.role() == StreamRole::Input)
    return inputs_[tensor.index()];
  return const_cast<Storage *>(this)->write(tensor, frame);
}

std::span<std::byte> Storage::write(const HostTensor &tensor, unsigned frame) {
  if (tensor.role() == StreamRole::Output)
    return outputs_[tensor.index()];
  assert(tensor.role() == StreamRole::Boundary);
  uint64_t bytes = program_->dataflow->boundaries[tensor.index()];
  return {boundaries_[tensor.index()].get() + frame % frames_ * bytes, bytes};
}

std::byte *Storage::slot(const Pipeline &pipeline, uint32_t ring, unsigned frame, int64_t row) {
  const StreamT &stream = *pipeline.contextOf().streams[ring];
  const Ring &info = pipeline.rings[ring];
  uint64_t position = frame * static_cast<uint64_t>(info.shape.rows) + static_cast<uint64_t>(row);
  return clusters_[stream.cluster].get() + stream.address +
         position % stream.capacity * info.shape.slotBytes;
}

void Storage::apply(const Pipeline &pipeline, const Actor &actor, unsigned frame, int64_t row) {
  if (actor.kind == ActorKind::Node)
    return computeNode(pipeline, actor, frame, row);
  const StreamT &stream = *pipeline.contextOf().streams[actor.index];
  uint64_t rowBytes = pipeline.rings[actor.index].shape.rowBytes;
  std::byte *ring = slot(pipeline, actor.index, frame, row);
  HostTensor tensor(stream.role, stream.port);
  if (actor.kind == ActorKind::Feed) {
    const std::byte *host = read(tensor, frame).data();
    forRow(stream, row, rowBytes, [&](uint64_t inTensor, uint64_t inSlot, uint64_t bytes) {
      std::memcpy(ring + inSlot, host + inTensor, bytes);
    });
  } else {
    std::byte *host = write(tensor, frame).data();
    forRow(stream, row, rowBytes, [&](uint64_t inTensor, uint64_t inSlot, uint64_t bytes) {
      std::memcpy(host + inTensor, ring + inSlot, bytes);
    });
  }
}

// Rows [first, first + count) as one operand. Where the ring wraps round between them, they are
// gathered in `scratch`.
Operand Storage::rowsOf(const Pipeline &pipeline, uint32_t ring, unsigned frame, int64_t first,
                        int64_t count, std::vector<std::byte> &scratch) {
  const StreamT &stream = *pipeline.contextOf().streams[ring];
  const Ring &info = pipeline.rings[ring];
  Operand operand;
  operand.type = stream.type;
  operand.dims = stream.dims;
  operand.strides.assign(stream.dims.size(), 0);
  int64_t stride = bitsOf(stream.type) / 8;
  for (size_t i = stream.dims.size(); i-- > 0;) {
    if (static_cast<int>(i) == stream.row_axis)
      continue;
    operand.strides[i] = stride;
    stride *= stream.dims[i];
  }
  uint64_t slotBytes = info.shape.slotBytes;
  uint64_t position = frame * static_cast<uint64_t>(info.shape.rows) + static_cast<uint64_t>(first);
  bool wraps = position % stream.capacity + static_cast<uint64_t>(count) > stream.capacity;
  if (wraps) {
    scratch.resize(static_cast<uint64_t>(count) * slotBytes);
    for (int64_t i = 0; i < count; ++i)
      std::memcpy(scratch.data() + static_cast<uint64_t>(i) * slotBytes,
                  slot(pipeline, ring, frame, first + i), info.shape.rowBytes);
    operand.data = scratch.data();
  } else {
    operand.data = slot(pipeline, ring, frame, first);
  }
  if (stream.row_axis >= 0) {
    operand.dims[static_cast<size_t>(stream.row_axis)] = count;
    operand.strides[static_cast<size_t>(stream.row_axis)] = static_cast<int64_t>(slotBytes);
  }
  return operand;
}

void Storage::computeNode(const Pipeline &pipeline, const Actor &actor, unsigned frame,
                          int64_t row) {
  const ContextT &context = pipeline.contextOf();
  const NodeT &node = *context.nodes[actor.index];
  const StreamT &to = *context.streams[node.output];
  std::vector<Operand> inputs;
  std::vector<RowRange> ranges;
  std::vector<std::vector<int64_t>> dims;
  std::vector<int> axes;
  std::vector<std::vector<std::byte>> scratch(node.inputs.size());
  for (size_t i = 0; i < node.inputs.size(); ++i) {
    const FeedT &feed = *node.inputs[i];
    if (feed.stream < 0) {
      inputs.push_back(
          operandOf(*feed.constant, const_cast<std::byte *>(weights_.data()))); // only read
      ranges.emplace_back();
      dims.push_back(feed.constant->dims);
      axes.push_back(-1);
      continue;
    }
    auto ring = static_cast<uint32_t>(feed.stream);
    const StreamT &from = *context.streams[ring];
    RowRange range = rowsNeeded(node.kernel, node.stages, i, from.dims, from.row_axis, to.dims,
                                to.row_axis, row);
    int64_t rows = pipeline.rings[ring].shape.rows;
    int64_t first = std::clamp<int64_t>(range.first, 0, rows);
    int64_t end = std::clamp<int64_t>(range.last + 1, first, rows);
    inputs.push_back(rowsOf(pipeline, ring, frame, first, end - first, scratch[i]));
    ranges.push_back(range);
    dims.push_back(from.dims);
    axes.push_back(from.row_axis);
  }
  std::vector<std::byte> unused;
  Operand output = rowsOf(pipeline, node.output, frame, row, 1, unused);
  computeRow(node.kernel, node.stages, inputs, ranges, dims, axes, output, to.dims, to.row_axis,
             row);
}

} // namespace edgecc::emulator::dataflow
