// SPDX-License-Identifier: Apache-2.0
//
// The bytes of a dataflow run: clusters' memories with rings at their addresses, and whole tensors
// in host memory.
#pragma once

#include "runtime/emulator/dataflow/Pipeline.h"

#include <cstdlib>

namespace edgecc::emulator::dataflow {

struct FreeBytes {
  void operator()(std::byte *bytes) const { std::free(bytes); }
};
using Bytes = std::unique_ptr<std::byte, FreeBytes>;

class Storage {
public:
  // Boundary tensors are kept for `frames` frames; later ones take their places. Fails if inputs or
  // outputs are not those of the program, or if there is not enough memory.
  static Result<Storage> make(const ProgramT &program, std::span<const std::byte> weights,
                              std::span<const std::span<const std::byte>> inputs,
                              std::span<const std::span<std::byte>> outputs, unsigned frames);

  // What happens when row `row` of an actor ends: a row is computed, or goes over the link.
  void apply(const Pipeline &pipeline, const Actor &actor, unsigned frame, int64_t row);

  // Whole tensors in host memory, for host parts. `frame` is that of the batch.
  std::span<const std::byte> read(const HostTensor &tensor, unsigned frame) const;
  std::span<std::byte> write(const HostTensor &tensor, unsigned frame);

private:
  std::byte *slot(const Pipeline &pipeline, uint32_t ring, unsigned frame, int64_t row);
  void computeNode(const Pipeline &pipeline, const Actor &actor, unsigned frame, int64_t row);
  Operand rowsOf(const Pipeline &pipeline, uint32_t ring, unsigned frame, int64_t first,
                 int64_t count, std::vector<std::byte> &scratch);

  const ProgramT *program_{};
  std::span<const std::byte> weights_;
  std::vector<std::span<const std::byte>> inputs_;
  std::vector<std::span<std::byte>> outputs_;
  unsigned frames_ = 1;
  std::vector<Bytes> clusters_;
  std::vector<Bytes> boundaries_; // of all frames of a batch, one after the other
};

} // namespace edgecc::emulator::dataflow
