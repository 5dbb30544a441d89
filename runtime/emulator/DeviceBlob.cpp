// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/DeviceBlob.h"

#include "edgecc/runtime.h"
#include "runtime/blob/Hash.h"

#include <cstring>
#include <fmt/format.h>

namespace edgecc::emulator {

struct DeviceBlob::Aligned {
  struct alignas(64) Block {
    std::byte bytes[64];
  };
  explicit Aligned(std::span<const std::byte> from)
      : blocks((from.size() + sizeof(Block) - 1) / sizeof(Block)), size(from.size()) {
    if (size > 0)
      std::memcpy(blocks.data(), from.data(), size);
  }
  std::span<const std::byte> bytes() const {
    return {reinterpret_cast<const std::byte *>(blocks.data()), size};
  }
  std::vector<Block> blocks;
  size_t size;
};

// A native blob with one context.
struct DeviceBlob::HostPart {
  ~HostPart() {
    edgecc_context_destroy(context);
    edgecc_model_destroy(model);
  }
  edgecc_model *model = nullptr;
  edgecc_context *context = nullptr;
};

DeviceBlob::~DeviceBlob() = default;

std::span<const std::byte> DeviceBlob::section(uint32_t index) const {
  const blob::SectionEntry &entry = view_.section(index);
  return file_->bytes().subspan(entry.offset, entry.size);
}

Result<std::unique_ptr<DeviceBlob>> DeviceBlob::load(std::span<const std::byte> bytes) {
  std::unique_ptr<DeviceBlob> blob(new DeviceBlob());
  blob->file_ = std::make_unique<Aligned>(bytes);
  const auto *data = reinterpret_cast<const uint8_t *>(blob->file_->bytes().data());
  blob::ParseResult parsed = blob::BlobView::parse(data, bytes.size(), bytes.size(), &blob->view_);
  if (!parsed.ok())
    return fault(FaultKind::BadProgram, parsed.detail);
  const blob::DeviceProgram *device = blob->view_.metadata().device();
  if (!device)
    return fault(FaultKind::BadProgram, "the blob holds native code and no device program");
  for (uint32_t i = 0; i < blob->view_.sectionCount(); ++i) {
    auto contents = blob->section(i);
    const auto *start = reinterpret_cast<const uint8_t *>(contents.data());
    if (blob::hashBytes(start, contents.size()) != blob->view_.section(i).hash)
      return fault(FaultKind::BadProgram, fmt::format("the hash of section {} does not match", i));
  }
  auto program = readProgram(blob->section(device->program_section()),
                             blob->view_.section(device->weights_section()).size);
  if (!program)
    return tl::unexpected(program.error());
  blob->program_ = std::move(*program);
  if (auto loaded = blob->loadHostParts(); !loaded)
    return tl::unexpected(loaded.error());
  return blob;
}

Result<void> DeviceBlob::loadHostParts() {
  const auto *sections = view_.metadata().device()->host_sections();
  uint32_t count = sections ? sections->size() : 0;
  if (count != program_->host_parts)
    return fault(FaultKind::BadProgram,
                 fmt::format("the program calls {} host parts, and the blob has {}",
                             program_->host_parts, count));
  for (uint32_t i = 0; i < count; ++i) {
    auto part = std::make_unique<HostPart>();
    auto bytes = section(sections->Get(i));
    edgecc_error error{};
    edgecc_context_options options{};
    options.struct_size = sizeof options;
    options.num_threads = 1;
    if (edgecc_model_load_memory(bytes.data(), bytes.size(), nullptr, &part->model, &error) ||
        edgecc_context_create(part->model, &options, &part->context, &error))
      return fault(FaultKind::HostFailure, fmt::format("host part {}: {}", i, error.text));
    hostParts_.push_back(std::move(part));
  }
  return {};
}

Result<void> DeviceBlob::callHost(unsigned part, std::span<const std::span<const std::byte>> inputs,
                                  std::span<const std::span<std::byte>> outputs) {
  HostPart &host = *hostParts_[part];
  auto bytesOf = [](const edgecc_tensor_info &info) {
    uint64_t bits = edgecc_type_bits(info.type);
    for (uint32_t i = 0; i < info.rank; ++i)
      bits *= static_cast<uint64_t>(info.dims[i]);
    return (bits + 7) / 8;
  };
  auto mismatch = [&](const char *what) {
    return fault(FaultKind::BadProgram,
                 fmt::format("the program and host part {} disagree about {}", part, what));
  };
  if (inputs.size() != edgecc_model_input_count(host.model) ||
      outputs.size() != edgecc_model_output_count(host.model))
    return mismatch("the number of tensors");
  for (uint32_t i = 0; i < inputs.size(); ++i) {
    edgecc_tensor_info info{};
    edgecc_model_input(host.model, i, &info, sizeof info);
    if (bytesOf(info) != inputs[i].size())
      return mismatch("the size of an input");
    if (edgecc_context_set_input(host.context, i, inputs[i].data(), nullptr) != EDGECC_OK)
      return fault(FaultKind::HostFailure, edgecc_context_error(host.context));
  }
  if (edgecc_context_run(host.context) != EDGECC_OK)
    return fault(FaultKind::HostFailure, edgecc_context_error(host.context));
  for (uint32_t i = 0; i < outputs.size(); ++i) {
    edgecc_tensor_info info{};
    edgecc_model_output(host.model, i, &info, sizeof info);
    if (bytesOf(info) != outputs[i].size())
      return mismatch("the size of an output");
    std::memcpy(outputs[i].data(), edgecc_context_output(host.context, i), outputs[i].size());
  }
  return {};
}

Result<RunReport> DeviceBlob::run(std::span<const std::span<const std::byte>> inputs,
                                  std::span<const std::span<std::byte>> outputs,
                                  const RunOptions &options) {
  auto fits = [](auto tensors, uint32_t count, auto tensorAt) {
    if (tensors.size() != count)
      return false;
    for (uint32_t i = 0; i < count; ++i) {
      uint64_t bytes = 0;
      if (!blob::tensorBytes(tensorAt(i), &bytes) || bytes != tensors[i].size())
        return false;
    }
    return true;
  };
  if (options.numerics &&
      (!fits(inputs, view_.inputCount(), [&](uint32_t i) -> auto & { return view_.input(i); }) ||
       !fits(outputs, view_.outputCount(), [&](uint32_t i) -> auto & { return view_.output(i); })))
    return fault(FaultKind::BadInput,
                 "inputs or outputs differ from the model's in number or size");
  auto weights = section(view_.metadata().device()->weights_section());
  Emulator emulator(*program_, weights, [this](unsigned part, auto ins, auto outs) {
    return callHost(part, ins, outs);
  });
  return emulator.run(inputs, outputs, options);
}

} // namespace edgecc::emulator
