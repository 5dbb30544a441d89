// SPDX-License-Identifier: Apache-2.0
//
// The memories of one stream with their bytes, and what instructions do to them.
#pragma once

#include "runtime/emulator/Emulator.h"
#include "runtime/emulator/kernels/Kernels.h"

namespace edgecc::emulator {

class Image {
public:
  // With the constants in place. `program` must have passed checkProgram with these weights.
  Image(const ProgramT &program, std::span<const std::byte> weights);

  // Before and after a frame: packed tensors in the order of the ports.
  Result<void> setInputs(std::span<const std::span<const std::byte>> inputs);
  Result<void> getOutputs(std::span<const std::span<std::byte>> outputs) const;

  Result<void> execute(uint32_t instruction, const HostFunction &host);

  // The first instruction so far that gave values that are no finite numbers from ones that are.
  const std::optional<NonFinite> &nonFinite() const { return nonFinite_; }

private:
  struct Free {
    void operator()(std::byte *bytes) const;
  };
  std::byte *at(const BufferT &buffer) const {
    return memories_[buffer.memory].get() + buffer.address;
  }
  Operand operand(const ViewT &view) const;
  void watch(const InstructionT &instruction);
  Result<void> callHost(const InstructionT &instruction, const HostFunction &host);

  const ProgramT &program_;
  std::vector<std::unique_ptr<std::byte, Free>> memories_;
  std::optional<NonFinite> nonFinite_;
};

} // namespace edgecc::emulator
