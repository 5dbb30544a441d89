// SPDX-License-Identifier: Apache-2.0
//
// Programs as text.
#include "runtime/emulator/Emulator.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace edgecc::emulator {

namespace {

std::string dimsText(std::span<const int64_t> dims) {
  return fmt::format("{}", fmt::join(dims, "x"));
}

std::string stagesText(std::span<const std::unique_ptr<StageT>> stages) {
  std::string text;
  for (const auto &stage : stages) {
    text += fmt::format(" {}{}", stage->on_side ? "side." : "", EnumNameFunction(stage->function));
    if (!stage->params.empty())
      text += fmt::format("({})", fmt::join(stage->params, ","));
    text += fmt::format(":{}", nameOf(stage->to));
  }
  return text;
}

std::string kernelText(const KernelUnion &kernel) {
  if (const ContractionT *contraction = kernel.AsContraction()) {
    if (contraction->product)
      return "product";
    return fmt::format("conv /{} groups={} pads={},{}{}{}", fmt::join(contraction->strides, "x"),
                       contraction->groups, fmt::join(contraction->pads_low, "x"),
                       fmt::join(contraction->pads_high, "x"),
                       contraction->carries_in ? " carry" : "",
                       contraction->pool_kernel > 0
                           ? fmt::format(" pool.Max {0}x{0} /{1}x{1}", contraction->pool_kernel,
                                         contraction->pool_stride)
                           : "");
  }
  if (const PoolT *pool = kernel.AsPool())
    return fmt::format("pool.{} {} /{}", EnumNamePoolKind(pool->kind), fmt::join(pool->kernel, "x"),
                       fmt::join(pool->strides, "x"));
  if (const ReduceT *reduce = kernel.AsReduce())
    return fmt::format("reduce.{} axes={}", EnumNameReduceKind(reduce->kind),
                       fmt::join(reduce->axes, ","));
  if (const MoveT *move = kernel.AsMove())
    return fmt::format("move of {} copies", move->copies.size());
  if (const HostCallT *call = kernel.AsHostCall())
    return fmt::format("host part {}", call->part);
  return EnumNameKernel(kernel.type);
}

class Disassembler {
public:
  explicit Disassembler(const ProgramT &program) : program_(program) {}

  std::string run() {
    line("program for {}, {} layers, {} host parts", program_.device->name, program_.layers.size(),
         program_.host_parts);
    if (program_.scheduled)
      scheduled(*program_.scheduled);
    else
      dataflow(*program_.dataflow);
    return std::move(text_);
  }

private:
  template <class... Args> void line(fmt::format_string<Args...> format, Args &&...args) {
    fmt::format_to(std::back_inserter(text_), format, std::forward<Args>(args)...);
    text_ += '\n';
  }

  std::string viewText(const ViewT &view) const {
    return fmt::format("b{}+{}:{}[{}]", view.buffer, view.offset, nameOf(view.type),
                       dimsText(view.dims));
  }

  void scheduled(const ScheduledProgramT &program) {
    const ScheduledMachineT &machine = *program_.device->scheduled;
    line("{} streams, each with {} vector units and {} slices", program.streams,
         program.vector_units, program.slices);
    for (size_t i = 0; i < program.buffers.size(); ++i) {
      const BufferT &buffer = *program.buffers[i];
      line("buffer b{} {}@{:#x} {} bytes {} '{}'", i, machine.memories[buffer.memory]->name,
           buffer.address, buffer.bytes, EnumNameBufferRole(buffer.role), buffer.name);
    }
    for (size_t i = 0; i < program.queues.size(); ++i)
      line("queue q{} {} x{}", i, machine.engines[program.queues[i]->engine]->name,
           program.queues[i]->units);
    for (size_t i = 0; i < program.instructions.size(); ++i) {
      const InstructionT &instruction = *program.instructions[i];
      std::string operands;
      for (const auto &output : instruction.outputs)
        operands += " " + viewText(*output);
      operands += " <-";
      for (const auto &input : instruction.inputs)
        operands += " " + viewText(*input);
      line("{:>5} q{} {}{}{} wait[{}] signal[{}] {:.2f} us{} ; {}", i, instruction.queue,
           kernelText(instruction.kernel), stagesText(instruction.stages), operands,
           fmt::join(instruction.waits, ","), fmt::join(instruction.signals, ","),
           instruction.estimated_us,
           instruction.starts_stage ? " stage"
           : instruction.continues  ? " continues"
                                    : "",
           program_.layers[instruction.layer]->name);
    }
  }

  void dataflow(const DataflowProgramT &program) {
    line("batch {}, {} contexts, {} boundary tensors", program.batch, program.contexts.size(),
         program.boundaries.size());
    for (size_t c = 0; c < program.contexts.size(); ++c) {
      for (const auto &step : program.host_steps)
        if (step->context == c)
          line("host part {} ; {}", step->part, program_.layers[step->layer]->name);
      line("context {}", c);
      const ContextT &context = *program.contexts[c];
      for (size_t i = 0; i < context.streams.size(); ++i) {
        const StreamT &stream = *context.streams[i];
        line("stream s{} cluster{}@{:#x} {}[{}] rows of axis {}, room for {}, {} '{}'", i,
             stream.cluster, stream.address, nameOf(stream.type), dimsText(stream.dims),
             stream.row_axis, stream.capacity, EnumNameStreamRole(stream.role), stream.name);
      }
      for (size_t i = 0; i < context.nodes.size(); ++i) {
        const NodeT &node = *context.nodes[i];
        std::string inputs;
        for (const auto &feed : node.inputs)
          inputs += feed->stream >= 0
                        ? fmt::format(" s{}", feed->stream)
                        : fmt::format(" weights+{}:{}[{}]", feed->constant->offset,
                                      nameOf(feed->constant->type), dimsText(feed->constant->dims));
        line("{:>5} cluster{} x{} ({} controllers, {} weight bytes) {}{} s{} <-{} ; {}", i,
             node.cluster, node.sub_clusters, node.controllers, node.weight_bytes,
             kernelText(node.kernel), stagesText(node.stages), node.output, inputs,
             program_.layers[node.layer]->name);
      }
    }
    for (const auto &step : program.host_steps)
      if (step->context == program.contexts.size())
        line("host part {} ; {}", step->part, program_.layers[step->layer]->name);
  }

  const ProgramT &program_;
  std::string text_;
};

} // namespace

std::string disassemble(const ProgramT &program) { return Disassembler(program).run(); }

} // namespace edgecc::emulator
