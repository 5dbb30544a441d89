// SPDX-License-Identifier: Apache-2.0
#include "runtime/blob/BlobView.h"

#include "runtime/blob/Hash.h"

#include <cstring>

namespace edgecc::blob {

namespace {

constexpr uint64_t kMaxTensorBytes = uint64_t(1) << 46;
constexpr uint64_t kMaxWorkingBytes = uint64_t(1) << 46;

ParseResult malformed(const char *detail) { return {ParseStatus::Malformed, detail}; }

bool allZero(const uint8_t *bytes, size_t size) {
  for (size_t i = 0; i < size; ++i)
    if (bytes[i])
      return false;
  return true;
}

bool inside(uint64_t offset, uint64_t size, uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

ParseResult checkHeader(const FileHeader &header, uint64_t fileSize) {
  if (memcmp(header.magic, kMagic, sizeof kMagic) != 0)
    return {ParseStatus::NotABlob, "the file does not start with a blob's magic number"};
  if (header.format_version != kFormatVersion)
    return {ParseStatus::Version, "the blob has a format version that this library does not read"};
  if (header.file_size > fileSize)
    return {ParseStatus::Truncated, "the file is shorter than its header says"};
  if (header.file_size < fileSize)
    return malformed("the file is longer than its header says");
  if (header.section_count == 0 || header.section_count > kMaxSections)
    return malformed("the number of sections is out of range");
  uint64_t tableEnd = sizeof(FileHeader) + uint64_t(header.section_count) * sizeof(SectionEntry);
  if (header.prefix_size < tableEnd || header.prefix_size > kMaxPrefixBytes ||
      header.prefix_size > header.file_size)
    return malformed("the size of header and metadata is out of range");
  return {};
}

ParseResult checkSections(const FileHeader &header, const SectionEntry *sections) {
  uint64_t previousEnd = sizeof(FileHeader) + uint64_t(header.section_count) * sizeof(SectionEntry);
  for (uint32_t i = 0; i < header.section_count; ++i) {
    const SectionEntry &section = sections[i];
    if (section.flags != 0 || section.reserved != 0)
      return malformed("a reserved field of the section table is not zero");
    if (section.kind < uint32_t(SectionKind::Metadata) ||
        section.kind > uint32_t(SectionKind::HostPart))
      return malformed("a section has an unknown kind");
    if ((section.kind == uint32_t(SectionKind::Metadata)) != (i == 0))
      return malformed("the first section, and no other, must be the metadata");
    uint64_t alignment = i == 0 ? kMetadataAlignment : kSectionAlignment;
    if (section.offset % alignment != 0)
      return malformed("a section is not aligned");
    if (section.offset < previousEnd || !inside(section.offset, section.size, header.file_size))
      return malformed("a section lies outside the file or overlaps another");
    previousEnd = section.offset + section.size;
  }
  if (header.prefix_size != sections[0].offset + sections[0].size)
    return malformed("the prefix does not end with the metadata");
  return {};
}

bool isType(const Tensor &tensor) { return elementBits(tensor.type()) != 0; }

ParseResult checkQuantization(const Tensor &tensor) {
  const Quantization *quantization = tensor.quantization();
  if (!quantization)
    return {};
  uint32_t scales = quantization->scales() ? quantization->scales()->size() : 0;
  uint32_t zeros = quantization->zero_points() ? quantization->zero_points()->size() : 0;
  if (scales == 0 || (zeros != 0 && zeros != scales))
    return malformed("a tensor's scales and zero points differ in number");
  if (quantization->axis() == -1)
    return scales == 1 ? ParseResult{} : malformed("a tensor has several scales but no axis");
  if (quantization->axis() < 0 || uint32_t(quantization->axis()) >= rankOf(tensor) ||
      int64_t(scales) != tensor.dims()->Get(uint32_t(quantization->axis())))
    return malformed("a tensor's quantisation axis does not match its shape");
  return {};
}

ParseResult checkTensors(const flatbuffers::Vector<flatbuffers::Offset<Tensor>> *tensors) {
  if (!tensors)
    return {};
  if (tensors->size() > kMaxTensors)
    return malformed("there are too many inputs or outputs");
  for (const Tensor *tensor : *tensors) {
    uint64_t bytes;
    if (!isType(*tensor) || !tensorBytes(*tensor, &bytes))
      return malformed("an input or output has an impossible type or shape");
    if (tensor->dim_names() && tensor->dim_names()->size() != rankOf(*tensor))
      return malformed("an input or output names another number of dimensions than it has");
    ParseResult result = checkQuantization(*tensor);
    if (!result.ok())
      return result;
  }
  return {};
}

bool isSection(const FileHeader &header, const SectionEntry *sections, uint32_t index,
               SectionKind kind) {
  return index < header.section_count && sections[index].kind == uint32_t(kind);
}

bool inExecutableSegment(const Variant &variant, uint64_t offset) {
  for (const Segment *segment : *variant.segments())
    if (segment->executable() && offset >= segment->offset() &&
        offset - segment->offset() < segment->size())
      return true;
  return false;
}

ParseResult checkCode(const Variant &variant, uint64_t codeBytes) {
  if (!variant.segments() || !variant.entries() || variant.entries()->size() == 0)
    return malformed("a variant has no code segment or no entry point");
  uint64_t previousEnd = 0;
  for (const Segment *segment : *variant.segments()) {
    if (segment->offset() % kSectionAlignment != 0 || segment->offset() < previousEnd ||
        !inside(segment->offset(), segment->size(), codeBytes))
      return malformed("a code segment is misaligned, overlaps another or lies outside the code");
    previousEnd = segment->offset() + segment->size();
  }
  for (const EntryPoint *entry : *variant.entries())
    if (!inExecutableSegment(variant, entry->offset()))
      return malformed("an entry point lies outside the executable code");
  if (variant.symbols())
    for (const KernelSymbol *symbol : *variant.symbols())
      if (!inside(symbol->offset(), symbol->size(), codeBytes))
        return malformed("a kernel symbol lies outside the code");
  return {};
}

ParseResult checkVariant(const FileHeader &header, const SectionEntry *sections,
                         const Variant &variant) {
  if (variant.arch() == Arch::None || variant.arch() > Arch::MAX)
    return malformed("a variant is for an unknown architecture");
  if (!isSection(header, sections, variant.code_section(), SectionKind::Code) ||
      !isSection(header, sections, variant.weights_section(), SectionKind::Weights))
    return malformed("a variant refers to a section that does not exist");
  if (variant.arena_bytes() > kMaxWorkingBytes || variant.thread_scratch_bytes() > kMaxWorkingBytes)
    return malformed("a variant needs an impossible amount of memory");
  if (variant.layers())
    for (const Layer *layer : *variant.layers())
      if (layer->kind() > LayerKind::MAX)
        return malformed("a layer has an unknown kind");
  return checkCode(variant, sections[variant.code_section()].size);
}

ParseResult checkDevice(const FileHeader &header, const SectionEntry *sections,
                        const DeviceProgram &device) {
  if (!isSection(header, sections, device.program_section(), SectionKind::DeviceProgram) ||
      !isSection(header, sections, device.weights_section(), SectionKind::Weights))
    return malformed("the device program refers to a section that does not exist");
  if (device.host_sections())
    for (uint32_t section : *device.host_sections())
      if (!isSection(header, sections, section, SectionKind::HostPart))
        return malformed("a host part refers to a section that does not exist");
  if (!(device.latency_ms() >= 0) || !(device.fps() >= 0))
    return malformed("the device program has an impossible latency or frame rate");
  return {};
}

} // namespace

uint64_t hashHeader(const uint8_t *data, size_t tableEnd) {
  alignas(FileHeader) uint8_t copy[sizeof(FileHeader) + kMaxSections * sizeof(SectionEntry)];
  memcpy(copy, data, tableEnd);
  memset(copy + offsetof(FileHeader, header_hash), 0, sizeof(FileHeader::header_hash));
  return hashBytes(copy, tableEnd);
}

uint32_t elementBits(ElementType type) {
  switch (type) {
  case ElementType::I4:
  case ElementType::U4:
    return 4;
  case ElementType::I8:
  case ElementType::U8:
  case ElementType::Bool:
  case ElementType::F8E4M3FN:
  case ElementType::F8E4M3FNUZ:
  case ElementType::F8E5M2:
  case ElementType::F8E5M2FNUZ:
  case ElementType::F8E8M0:
    return 8;
  case ElementType::F16:
  case ElementType::BF16:
  case ElementType::I16:
  case ElementType::U16:
    return 16;
  case ElementType::F32:
  case ElementType::I32:
  case ElementType::U32:
    return 32;
  case ElementType::F64:
  case ElementType::I64:
  case ElementType::U64:
    return 64;
  case ElementType::Invalid:
    return 0;
  }
  return 0;
}

bool tensorBytes(const Tensor &tensor, uint64_t *bytes) {
  uint32_t bits = elementBits(tensor.type());
  if (bits == 0 || rankOf(tensor) > kMaxRank)
    return false;
  // A zero extent makes the tensor empty but must not hide an overflow of the others.
  uint64_t elements = 1;
  bool empty = false;
  for (uint32_t axis = 0; axis < rankOf(tensor); ++axis) {
    int64_t extent = tensor.dims()->Get(axis);
    if (extent < 0 || uint64_t(extent) > kMaxTensorBytes)
      return false;
    empty = empty || extent == 0;
    if (extent != 0 && __builtin_mul_overflow(elements, uint64_t(extent), &elements))
      return false;
    if (elements > kMaxTensorBytes)
      return false;
  }
  *bytes = empty ? 0 : (elements * bits + 7) / 8;
  return *bytes <= kMaxTensorBytes;
}

ParseResult BlobView::prefixSize(const uint8_t *data, size_t available, uint64_t fileSize,
                                 uint64_t *prefixBytes) {
  FileHeader header;
  if (available < sizeof header || fileSize < sizeof header) {
    if (available >= sizeof kMagic && memcmp(data, kMagic, sizeof kMagic) == 0)
      return {ParseStatus::Truncated, "the file ends within its header"};
    return {ParseStatus::NotABlob, "the file is too short to be a blob"};
  }
  memcpy(&header, data, sizeof header);
  ParseResult result = checkHeader(header, fileSize);
  if (result.ok())
    *prefixBytes = header.prefix_size;
  return result;
}

ParseResult BlobView::parse(const uint8_t *data, size_t available, uint64_t fileSize,
                            BlobView *view) {
  uint64_t prefixBytes = 0;
  ParseResult result = prefixSize(data, available, fileSize, &prefixBytes);
  if (!result.ok())
    return result;
  if (available < prefixBytes)
    return {ParseStatus::Truncated, "the file ends within its metadata"};

  const auto *header = reinterpret_cast<const FileHeader *>(data);
  const auto *sections = reinterpret_cast<const SectionEntry *>(data + sizeof(FileHeader));
  size_t tableEnd = sizeof(FileHeader) + header->section_count * sizeof(SectionEntry);
  if (hashHeader(data, tableEnd) != header->header_hash)
    return {ParseStatus::Damaged, "the hash of the header does not match"};
  if (!allZero(header->reserved, sizeof header->reserved))
    return malformed("a reserved field of the header is not zero");
  result = checkSections(*header, sections);
  if (!result.ok())
    return result;
  if (!allZero(data + tableEnd, sections[0].offset - tableEnd))
    return malformed("the gap before the metadata is not zero");

  const uint8_t *bytes = data + sections[0].offset;
  if (hashBytes(bytes, sections[0].size) != sections[0].hash)
    return {ParseStatus::Damaged, "the hash of the metadata does not match"};
  flatbuffers::Verifier verifier(bytes, sections[0].size);
  if (sections[0].size < 8 || !VerifyMetadataBuffer(verifier))
    return malformed("the metadata is not well-formed");
  const Metadata *metadata = GetMetadata(bytes);

  result = checkTensors(metadata->inputs());
  if (result.ok())
    result = checkTensors(metadata->outputs());
  if (!result.ok())
    return result;
  if (!metadata->variants() || (metadata->variants()->size() == 0) == !metadata->device())
    return malformed("the blob holds neither code nor a device program, or both");
  if (metadata->device()) {
    result = checkDevice(*header, sections, *metadata->device());
    if (!result.ok())
      return result;
  }
  for (const Variant *variant : *metadata->variants()) {
    result = checkVariant(*header, sections, *variant);
    if (!result.ok())
      return result;
  }
  view->header_ = header;
  view->sections_ = sections;
  view->metadata_ = metadata;
  return {};
}

} // namespace edgecc::blob
