// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Meter.h"

namespace edgecc::emulator {

bool Meter::take(const Program *program) {
  return take(program->device()) && take(program->layers()) && take(program->scheduled()) &&
         take(program->dataflow()) && take(program->options()) &&
         (!program->estimate() || take(program->estimate()->bottleneck()));
}

bool Meter::take(const Device *device) {
  return all(device->name(), device->title(), device->base(), device->scheduled(),
             device->dataflow(), device->sources());
}

bool Meter::take(const ScheduledMachine *machine) {
  return !machine || all(machine->memories(), machine->engines(), machine->native_type());
}

bool Meter::take(const Engine *engine) {
  return all(engine->name(), engine->modes(), engine->limits(), engine->activations(),
             engine->rates(), engine->memories(), engine->float_types());
}

bool Meter::take(const DataflowMachine *machine) {
  return !machine || all(machine->work(), machine->precisions());
}

bool Meter::take(const Layer *layer) {
  return all(layer->name(), layer->nodes(), layer->op(), layer->type());
}

bool Meter::take(const Instruction *instruction) {
  return all(instruction->waits(), instruction->signals(), instruction->inputs(),
             instruction->outputs(), instruction->stages()) &&
         kernel(instruction->kernel_type(), instruction->kernel());
}

bool Meter::take(const ScheduledProgram *program) {
  return !program ||
         all(program->buffers(), program->queues(), program->barriers(), program->instructions());
}

bool Meter::take(const Copy *copy) {
  return all(copy->dims(), copy->from_strides(), copy->to_strides());
}

bool Meter::take(const Node *node) {
  return all(node->stages(), node->inputs(), node->more_parts()) &&
         kernel(node->kernel_type(), node->kernel());
}

bool Meter::take(const DataflowProgram *program) {
  return !program || all(program->contexts(), program->boundaries(), program->host_steps());
}

bool Meter::kernel(Kernel type, const void *table) {
  if (!table) // a type without its table would be unpacked through a null pointer
    return type == Kernel::NONE;
  switch (type) {
  case Kernel::Contraction: {
    const auto *kernel = static_cast<const Contraction *>(table);
    return all(kernel->strides(), kernel->dilations(), kernel->pads_low(), kernel->pads_high(),
               kernel->kernel());
  }
  case Kernel::Pool: {
    const auto *kernel = static_cast<const Pool *>(table);
    return all(kernel->kernel(), kernel->strides(), kernel->dilations(), kernel->pads_low(),
               kernel->pads_high(), kernel->ceil_high());
  }
  case Kernel::Reduce:
    return take(static_cast<const Reduce *>(table)->axes());
  case Kernel::Resize:
    return take(static_cast<const Resize *>(table)->axes());
  case Kernel::Move:
    return take(static_cast<const Move *>(table)->copies());
  case Kernel::NONE:
  case Kernel::Map:
  case Kernel::Softmax:
  case Kernel::Normalize:
  case Kernel::HostCall:
    return true;
  }
  return false;
}

} // namespace edgecc::emulator
