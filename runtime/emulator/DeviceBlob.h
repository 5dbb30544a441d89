// SPDX-License-Identifier: Apache-2.0
//
// A blob with a device program, ready to run on the emulator: for programs that link the library.
//
//   auto blob = DeviceBlob::load(bytes);          // checks everything
//   auto report = (*blob)->run(inputs, outputs);  // computes, and says what it cost
#pragma once

#include "runtime/blob/BlobView.h"
#include "runtime/emulator/Emulator.h"

#include <memory>

namespace edgecc::emulator {

class DeviceBlob {
public:
  // Checks the hashes of all sections, the program and the host parts. `bytes` is a whole file; it
  // is copied. A blob with native code in place of a program is a BadProgram fault.
  static Result<std::unique_ptr<DeviceBlob>> load(std::span<const std::byte> bytes);
  ~DeviceBlob();

  const blob::BlobView &view() const { return view_; }
  const ProgramT &program() const { return *program_; }

  // Packed tensors of exactly the sizes of the blob's inputs and outputs, in their order.
  Result<RunReport> run(std::span<const std::span<const std::byte>> inputs,
                        std::span<const std::span<std::byte>> outputs,
                        const RunOptions &options = {});

private:
  DeviceBlob() = default;
  Result<void> loadHostParts();
  Result<void> callHost(unsigned part, std::span<const std::span<const std::byte>> inputs,
                        std::span<const std::span<std::byte>> outputs);
  std::span<const std::byte> section(uint32_t index) const;

  struct HostPart;
  struct Aligned; // the file, aligned as BlobView wants it
  std::unique_ptr<Aligned> file_;
  blob::BlobView view_;
  std::unique_ptr<ProgramT> program_;
  std::vector<std::unique_ptr<HostPart>> hostParts_;
};

} // namespace edgecc::emulator
