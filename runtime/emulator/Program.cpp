// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/Program.h"

#include "edgecc/runtime.h"
#include "runtime/blob/BlobView.h"
#include "runtime/emulator/Check.h"
#include "runtime/emulator/Meter.h"

#include <flatbuffers/flatbuffers.h>
#include <fmt/format.h>

namespace edgecc::emulator {

namespace {

// A table takes at least this many bytes of a file, and every table that is reached is unpacked.
constexpr size_t kLeastTableBytes = 8;
// Unpacked structures are larger than packed ones, by no more than this where nothing is shared.
constexpr uint64_t kUnpackedGrowth = 4;

} // namespace

Result<std::unique_ptr<ProgramT>> readProgram(std::span<const std::byte> bytes,
                                              uint64_t weightsBytes) {
  const auto *data = reinterpret_cast<const uint8_t *>(bytes.data());
  if (bytes.size() < 16 || bytes.size() >= FLATBUFFERS_MAX_BUFFER_SIZE)
    return fault(FaultKind::BadProgram, "the program section has no size that a program can have");
  if (!ProgramBufferHasIdentifier(data))
    return fault(FaultKind::BadProgram,
                 "the program is of another version of this format: compile the model again");
  flatbuffers::Verifier verifier(
      data, bytes.size(), /*max_depth=*/16,
      static_cast<flatbuffers::uoffset_t>(bytes.size() / kLeastTableBytes));
  if (!VerifyProgramBuffer(verifier))
    return fault(FaultKind::BadProgram, "the program section is damaged");
  const Program *packed = GetProgram(data);
  // Parts of a FlatBuffer may be referred to often, which would make a small file large in memory.
  Meter meter(bytes.size() * kUnpackedGrowth);
  if (!meter.take(packed))
    return fault(FaultKind::BadProgram,
                 "the program section refers to parts more than once, or to none, or misaligned");
  std::unique_ptr<ProgramT> program(packed->UnPack());
  if (auto checked = checkProgram(*program, weightsBytes); !checked)
    return tl::unexpected(checked.error());
  return program;
}

std::vector<std::byte> writeProgram(const ProgramT &program) {
  flatbuffers::FlatBufferBuilder builder(1 << 16);
  FinishProgramBuffer(builder, Program::Pack(builder, &program));
  const auto *data = reinterpret_cast<const std::byte *>(builder.GetBufferPointer());
  return {data, data + builder.GetSize()};
}

Result<void> checkProgram(const ProgramT &program, uint64_t weightsBytes) {
  if (!program.device)
    return fault(FaultKind::BadProgram, "the program has no device");
  if (auto checked = checkDevice(*program.device); !checked)
    return checked;
  if (!program.scheduled == !program.dataflow)
    return fault(FaultKind::BadProgram, "a program is either scheduled or dataflow");
  if (!program.scheduled != !program.device->scheduled)
    return fault(FaultKind::BadProgram,
                 "the program is for another kind of machine than its device");
  if (program.host_parts > kMaxHostParts)
    return fault(FaultKind::BadProgram,
                 fmt::format("{} host parts, more than {}", program.host_parts, kMaxHostParts));
  for (const auto &layer : program.layers)
    if (!layer || !(layer->estimated_us >= 0) || layer->macs >= (uint64_t{1} << 60))
      return fault(FaultKind::BadProgram, "a layer has no sensible size");
  return program.scheduled ? checkScheduled(program, weightsBytes)
                           : checkDataflow(program, weightsBytes);
}

unsigned bitsOf(ElementType type) {
  switch (type) {
  case ElementType::F32:
  case ElementType::F16:
  case ElementType::I4:
  case ElementType::U4:
  case ElementType::I8:
  case ElementType::U8:
  case ElementType::I16:
  case ElementType::U16:
  case ElementType::I32:
  case ElementType::I64:
  case ElementType::Bool:
    return blob::elementBits(type);
  default:
    return 0;
  }
}

const char *nameOf(ElementType type) {
  return bitsOf(type) ? edgecc_type_name(static_cast<edgecc_type>(type)) : "?";
}

} // namespace edgecc::emulator
