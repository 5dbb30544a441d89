// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Check.h"
#include "runtime/emulator/dataflow/Rows.h"

#include <algorithm>
#include <fmt/format.h>

namespace edgecc::emulator {

namespace {

// Bytes of cluster memories that something owns for as long as its context runs.
struct Region {
  uint64_t address, bytes;
  std::string what;
};

class ContextChecker {
public:
  ContextChecker(const ProgramT &program, size_t index, uint64_t weightsBytes)
      : program_(program), dataflow_(*program.dataflow), machine_(*program.device->dataflow),
        context_(*dataflow_.contexts[index]), index_(index), weightsBytes_(weightsBytes),
        regions_(machine_.clusters), used_(machine_.clusters) {}

  Result<void> run() {
    for (size_t i = 0; i < context_.streams.size(); ++i)
      if (auto checked = stream(i); !checked)
        return checked;
    writers_.assign(context_.streams.size(), 0);
    for (size_t i = 0; i < context_.nodes.size(); ++i)
      if (auto checked = node(i); !checked)
        return checked;
    for (size_t i = 0; i < writers_.size(); ++i) {
      StreamRole role = context_.streams[i]->role;
      // Tensors in host memory that no node here writes are those of an earlier context.
      bool isFed = role != StreamRole::Internal && writers_[i] == 0;
      if (writers_[i] != (isFed ? 0 : 1))
        return bad(fmt::format("stream {} has {} writers", i, writers_[i]));
    }
    return resources();
  }

private:
  Result<void> bad(std::string message, int layer = -1) const {
    return fault(FaultKind::BadProgram, fmt::format("context {}: {}", index_, message), layer);
  }

  Result<void> stream(size_t index) {
    const StreamT *stream = context_.streams[index].get();
    if (!stream)
      return bad(fmt::format("stream {} is missing", index));
    auto elements = elementsOf(stream->dims);
    unsigned bits = bitsOf(stream->type);
    if (bits < 8 || !elements || stream->dims.size() > kMaxRank || stream->row_axis < -1 ||
        stream->row_axis >= static_cast<int>(stream->dims.size()))
      return bad(fmt::format("stream {} has no type, shape or rows of a tensor", index));
    if (stream->role < StreamRole::MIN || stream->role > StreamRole::MAX ||
        stream->cluster >= machine_.clusters || stream->capacity < 1)
      return bad(fmt::format("stream {} has no role, cluster or capacity", index));
    if (stream->role == StreamRole::Boundary &&
        (stream->port >= dataflow_.boundaries.size() ||
         dataflow_.boundaries[stream->port] < static_cast<uint64_t>(*elements) * bits / 8))
      return bad(fmt::format("stream {} is larger than its boundary tensor", index));
    uint64_t slotBytes = rowShapeOf(*stream, machine_).slotBytes;
    if (stream->capacity > machine_.memory_bytes / slotBytes)
      return full(fmt::format("stream {} ({}): {} rows of {} bytes", index, stream->name,
                              stream->capacity, slotBytes),
                  stream->cluster);
    regions_[stream->cluster].push_back({stream->address, stream->capacity * slotBytes,
                                         fmt::format("stream {} ({})", index, stream->name)});
    return {};
  }

  Result<void> full(const std::string &what, uint32_t cluster) const {
    return fault(FaultKind::OverfullMemory,
                 fmt::format("context {}: {} do not fit in the {} bytes of cluster {}", index_,
                             what, machine_.memory_bytes, cluster));
  }

  // Whole tensors: rows are cut out of them in the run.
  Operand operandOfStream(uint32_t index) const {
    const StreamT &stream = *context_.streams[index];
    Operand operand;
    operand.type = stream.type;
    operand.dims = stream.dims;
    operand.strides.assign(stream.dims.size(), 0);
    int64_t stride = bitsOf(stream.type) / 8;
    for (size_t i = stream.dims.size(); i-- > 0; stride *= stream.dims[i])
      operand.strides[i] = stride;
    return operand;
  }

  Result<void> node(size_t index) {
    const NodeT *node = context_.nodes[index].get();
    std::string where = fmt::format("node {}", index);
    if (!node || node->layer >= program_.layers.size())
      return bad(where + " belongs to no layer");
    int layer = static_cast<int>(node->layer);
    if (node->output >= context_.streams.size())
      return bad(where + " has no output", layer);
    if (auto checked = parts(*node, where, layer); !checked)
      return checked;
    if (context_.streams[node->output]->role == StreamRole::Input)
      return bad(where + " writes an input", layer);
    ++writers_[node->output];
    std::vector<Operand> inputs;
    for (const auto &feed : node->inputs) {
      if (feed && feed->stream >= 0 &&
          static_cast<size_t>(feed->stream) < context_.streams.size()) {
        inputs.push_back(operandOfStream(static_cast<uint32_t>(feed->stream)));
        continue;
      }
      if (!feed || feed->stream >= 0 || !feed->constant)
        return bad(where + " has an input from nowhere", layer);
      auto range = bytesOf(*feed->constant);
      if (!range || static_cast<uint64_t>(range->high) > weightsBytes_)
        return fault(FaultKind::OutOfRange,
                     fmt::format("context {}: {} has a constant beyond the weights", index_, where),
                     layer);
      inputs.push_back(operandOf(*feed->constant, nullptr));
    }
    if (node->kernel.AsHostCall())
      return bad(where + " calls the host", layer);
    if (const auto *contraction = node->kernel.AsContraction();
        contraction && contraction->pool_kernel > 0)
      return bad(where + " pools what it convolves, which is two nodes here", layer);
    if (auto checked =
            checkOperands(node->kernel, node->stages, inputs, operandOfStream(node->output));
        !checked)
      return fault(checked.error().kind,
                   fmt::format("context {}: {}: {}", index_, where, checked.error().message),
                   layer);
    return {};
  }

  // What the node owns in each of its clusters.
  Result<void> parts(const NodeT &node, const std::string &where, int layer) {
    NodePartT first;
    first.cluster = node.cluster;
    first.sub_clusters = node.sub_clusters;
    first.controllers = node.controllers;
    first.weight_bytes = node.weight_bytes;
    first.weight_address = node.weight_address;
    uint64_t controllers = 0;
    for (size_t i = 0; i <= node.more_parts.size(); ++i) {
      const NodePartT *part = i == 0 ? &first : node.more_parts[i - 1].get();
      if (!part || part->cluster >= machine_.clusters)
        return bad(where + " has no cluster", layer);
      if (part->sub_clusters > uint64_t{part->controllers} * machine_.max_sub_clusters)
        return bad(fmt::format("{} is given {} sub-clusters for {} controllers, each of which "
                               "drives {}",
                               where, part->sub_clusters, part->controllers,
                               machine_.max_sub_clusters),
                   layer);
      controllers += part->controllers;
      used_[part->cluster].controllers += part->controllers;
      used_[part->cluster].subClusters += part->sub_clusters;
      if (part->weight_bytes > 0)
        regions_[part->cluster].push_back(
            {part->weight_address, part->weight_bytes, "the weights of " + where});
    }
    uint64_t most = 1; // controllers of a part
    for (const auto &work : machine_.work)
      most = std::max<uint64_t>(most, work->controllers);
    most *= layersOf(machine_, node.kernel);
    if (controllers > most * machine_.max_parts)
      return bad(fmt::format("{} has {} controllers, and the machine allows {} parts of {}", where,
                             controllers, machine_.max_parts, most),
                 layer);
    return {};
  }

  // Memory, controllers and sub-clusters of each cluster.
  Result<void> resources() {
    for (uint32_t cluster = 0; cluster < machine_.clusters; ++cluster) {
      auto [controllers, subClusters] = used_[cluster];
      if (controllers > machine_.controllers || subClusters > machine_.sub_clusters)
        return fault(FaultKind::OverfullMemory,
                     fmt::format("context {}: cluster {} is given {} controllers and {} "
                                 "sub-clusters, and has {} and {}",
                                 index_, cluster, controllers, subClusters, machine_.controllers,
                                 machine_.sub_clusters));
      auto &regions = regions_[cluster];
      std::ranges::sort(regions, {}, &Region::address);
      for (size_t i = 0; i < regions.size(); ++i) {
        const Region &region = regions[i];
        if (region.address > machine_.memory_bytes ||
            region.bytes > machine_.memory_bytes - region.address)
          return full(fmt::format("{}: {} bytes at {}", region.what, region.bytes, region.address),
                      cluster);
        if (i + 1 < regions.size() && region.address + region.bytes > regions[i + 1].address)
          return fault(FaultKind::Overlap,
                       fmt::format("context {}: {} and {} overlap in cluster {}", index_,
                                   region.what, regions[i + 1].what, cluster));
      }
    }
    return {};
  }

  const ProgramT &program_;
  const DataflowProgramT &dataflow_;
  const DataflowMachineT &machine_;
  const ContextT &context_;
  size_t index_;
  uint64_t weightsBytes_;
  std::vector<std::vector<Region>> regions_; // of each cluster
  struct Used {
    uint64_t controllers = 0, subClusters = 0;
  };
  std::vector<Used> used_;   // of each cluster
  std::vector<int> writers_; // of each stream
};

} // namespace

// Of a host step: as a floating-point number it is still exact.
constexpr uint64_t kMaxHostWork = uint64_t{1} << 53;

Result<void> checkDataflow(const ProgramT &program, uint64_t weightsBytes) {
  const DataflowProgramT &dataflow = *program.dataflow;
  if (dataflow.batch < 1 || dataflow.batch > kMaxBatch)
    return fault(FaultKind::BadProgram, fmt::format("a batch of {}", dataflow.batch));
  for (uint64_t bytes : dataflow.boundaries)
    if (bytes > kMaxMemoryBytes)
      return fault(FaultKind::BadProgram, "a boundary tensor is larger than 2^32 bytes");
  for (const auto &step : dataflow.host_steps) {
    if (!step || step->part >= program.host_parts ||
        step->context >= std::max<size_t>(dataflow.contexts.size(), 1) ||
        step->layer >= program.layers.size())
      return fault(FaultKind::BadProgram, "a host step has no part, context or layer");
    for (const auto *tensors : {&step->inputs, &step->outputs})
      for (const HostTensor &tensor : *tensors)
        if (tensor.role() == StreamRole::Boundary && tensor.index() >= dataflow.boundaries.size())
          return fault(FaultKind::BadProgram, "a host step names no boundary tensor");
    if (step->macs > kMaxHostWork || step->elements > kMaxHostWork)
      return fault(FaultKind::BadProgram,
                   "a host step has more work than a number of it is good for");
  }
  for (size_t i = 0; i < dataflow.contexts.size(); ++i) {
    if (!dataflow.contexts[i])
      return fault(FaultKind::BadProgram, "a context is missing");
    if (auto checked = ContextChecker(program, i, weightsBytes).run(); !checked)
      return checked;
  }
  return {};
}

} // namespace edgecc::emulator
