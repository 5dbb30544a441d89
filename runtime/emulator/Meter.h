// SPDX-License-Identifier: Apache-2.0
//
// How large a program will be once it is unpacked.
#pragma once

#include "runtime/emulator/program_generated.h"

#include <type_traits>

namespace edgecc::emulator {

// Adds up the bytes of all that unpacking a program reaches, each time that it is reached; gives up
// when there are more than `limit`, or where numbers are not aligned.
class Meter {
public:
  explicit Meter(uint64_t limit) : left_(limit) {}

  bool take(const Program *program);

private:
  bool bytes(uint64_t count) {
    if (count > left_)
      return false;
    left_ -= count;
    return true;
  }
  bool take(const flatbuffers::String *text) { return !text || bytes(text->size()); }
  template <class T> bool take(const flatbuffers::Vector<T> *numbers) {
    if (!numbers)
      return true;
    // The verifier checks where a vector's length lies, and not its elements.
    if constexpr (std::is_arithmetic_v<T>)
      if (reinterpret_cast<uintptr_t>(numbers->Data()) % alignof(T) != 0)
        return false;
    return bytes(uint64_t{numbers->size()} * sizeof(T));
  }
  template <class T> bool take(const flatbuffers::Vector<flatbuffers::Offset<T>> *tables) {
    if (!tables)
      return true;
    if (!bytes(uint64_t{tables->size()} * sizeof(uint32_t)))
      return false;
    for (const T *table : *tables)
      if (!bytes(sizeof(uint32_t)) || !take(table))
        return false;
    return true;
  }
  template <class... Parts> bool all(const Parts *...parts) { return (take(parts) && ...); }

  bool take(const Device *device);
  bool take(const Source *source) { return all(source->field(), source->origin()); }
  bool take(const ScheduledMachine *machine);
  bool take(const Memory *memory) { return take(memory->name()); }
  bool take(const Engine *engine);
  bool take(const ConvolutionLimits *limits) { return !limits || take(limits->pools()); }
  bool take(const FusedPool *) { return bytes(8); }
  bool take(const ConvolutionMode *) { return bytes(8); }
  bool take(const WorkRate *) { return bytes(8); }
  bool take(const DataflowMachine *machine);
  bool take(const PrecisionRate *) { return bytes(8); }
  bool take(const WorkFraction *) { return bytes(8); }
  bool take(const View *view) { return !view || all(view->dims(), view->strides()); }
  bool take(const Stage *stage) { return all(stage->operands(), stage->params()); }
  bool take(const Layer *layer);
  bool take(const Buffer *buffer) { return take(buffer->name()); }
  bool take(const Instruction *instruction);
  bool take(const Queue *) { return bytes(8); }
  bool take(const Barrier *) { return bytes(4); }
  bool take(const ScheduledProgram *program);
  bool take(const ResizeAxis *axis) { return all(axis->indices(), axis->weights()); }
  bool take(const Copy *copy);
  bool take(const Stream *stream) { return all(stream->name(), stream->dims()); }
  bool take(const Feed *feed) { return take(feed->constant()); }
  bool take(const NodePart *) { return bytes(8); }
  bool take(const Node *node);
  bool take(const Context *context) { return all(context->streams(), context->nodes()); }
  bool take(const HostStep *step) { return all(step->inputs(), step->outputs()); }
  bool take(const DataflowProgram *program);
  bool kernel(Kernel type, const void *table);

  uint64_t left_;
};

} // namespace edgecc::emulator
