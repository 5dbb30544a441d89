// SPDX-License-Identifier: Apache-2.0
#include "runtime/blob/BlobWriter.h"

#include "runtime/blob/AtomicFile.h"
#include "runtime/blob/BlobView.h"
#include "runtime/blob/Hash.h"

#include <cassert>
#include <cstring>

namespace edgecc::blob {

namespace {

using flatbuffers::FlatBufferBuilder;
using flatbuffers::Offset;

template <class T> using Offsets = std::vector<Offset<T>>;

Offset<flatbuffers::Vector<Offset<flatbuffers::String>>>
writeStrings(FlatBufferBuilder &builder, const std::vector<std::string> &strings) {
  return strings.empty() ? 0 : builder.CreateVectorOfStrings(strings);
}

Offset<flatbuffers::String> writeText(FlatBufferBuilder &builder, const std::string &text) {
  return text.empty() ? Offset<flatbuffers::String>(0) : builder.CreateString(text);
}

template <class T>
Offset<flatbuffers::Vector<T>> writeVector(FlatBufferBuilder &builder,
                                           const std::vector<T> &values) {
  return values.empty() ? 0 : builder.CreateVector(values);
}

Offset<Tensor> writeTensor(FlatBufferBuilder &builder, const TensorContents &tensor) {
  Offset<Quantization> quantization = 0;
  if (!tensor.quantization.scales.empty()) {
    auto scales = writeVector(builder, tensor.quantization.scales);
    auto zeroPoints = writeVector(builder, tensor.quantization.zeroPoints);
    quantization = CreateQuantization(builder, scales, zeroPoints, tensor.quantization.axis);
  }
  Offset<Preprocessing> preprocessing = 0;
  if (tensor.preprocessing.present) {
    auto layout = writeText(builder, tensor.preprocessing.layout);
    auto order = writeText(builder, tensor.preprocessing.channelOrder);
    auto mean = writeVector(builder, tensor.preprocessing.mean);
    auto scale = writeVector(builder, tensor.preprocessing.scale);
    preprocessing =
        CreatePreprocessing(builder, layout, order, mean, scale, tensor.preprocessing.compiledIn);
  }
  auto name = builder.CreateString(tensor.name);
  auto dims = writeVector(builder, tensor.dims);
  auto dimNames = writeStrings(builder, tensor.dimNames);
  return CreateTensor(builder, name, tensor.type, dims, tensor.dynamic, dimNames, quantization,
                      preprocessing);
}

Offset<flatbuffers::Vector<Offset<Tensor>>>
writeTensors(FlatBufferBuilder &builder, const std::vector<TensorContents> &tensors) {
  Offsets<Tensor> offsets;
  for (const TensorContents &tensor : tensors)
    offsets.push_back(writeTensor(builder, tensor));
  return builder.CreateVector(offsets);
}

Offset<Variant> writeVariant(FlatBufferBuilder &builder, const VariantContents &variant,
                             uint32_t codeSection, uint32_t weightsSection) {
  std::vector<Segment> segments;
  for (const SegmentContents &segment : variant.segments)
    segments.emplace_back(segment.offset, segment.size, segment.executable);
  Offsets<EntryPoint> entries;
  for (const EntryPointContents &entry : variant.entries)
    entries.push_back(CreateEntryPoint(builder, builder.CreateString(entry.name), entry.offset,
                                       entry.abiVersion));
  Offsets<Layer> layers;
  for (const LayerContents &layer : variant.layers) {
    auto nodes = writeStrings(builder, layer.nodes);
    auto op = writeText(builder, layer.op);
    layers.push_back(CreateLayer(builder, nodes, op, layer.kind, layer.macs, layer.bytes));
  }
  Offsets<KernelSymbol> symbols;
  for (const SymbolContents &symbol : variant.symbols)
    symbols.push_back(
        CreateKernelSymbol(builder, builder.CreateString(symbol.name), symbol.offset, symbol.size));
  auto triple = writeText(builder, variant.triple);
  auto cpu = writeText(builder, variant.cpu);
  auto features = writeStrings(builder, variant.features);
  auto segmentVector = builder.CreateVectorOfStructs(segments);
  auto entryVector = builder.CreateVector(entries);
  auto layerVector = builder.CreateVector(layers);
  auto symbolVector = builder.CreateVector(symbols);
  return CreateVariant(builder, triple, variant.arch, cpu, features, codeSection, weightsSection,
                       segmentVector, entryVector, variant.arenaBytes, variant.threadScratchBytes,
                       layerVector, symbolVector);
}

struct Section {
  SectionKind kind;
  std::string_view bytes;
};

/// Index of an equal section of that kind, appending it if there is none.
uint32_t placeSection(std::vector<Section> &sections, SectionKind kind, std::string_view bytes) {
  for (size_t i = 0; i < sections.size(); ++i)
    if (sections[i].kind == kind && sections[i].bytes == bytes)
      return uint32_t(i);
  sections.push_back({kind, bytes});
  return uint32_t(sections.size() - 1);
}

Offset<DeviceProgram> writeDevice(FlatBufferBuilder &builder, const DeviceContents &device,
                                  std::vector<Section> &sections) {
  uint32_t program = placeSection(sections, SectionKind::DeviceProgram, device.program);
  uint32_t weights = placeSection(sections, SectionKind::Weights, device.weights);
  std::vector<uint32_t> hostParts;
  for (std::string_view part : device.hostParts)
    hostParts.push_back(placeSection(sections, SectionKind::HostPart, part));
  auto name = builder.CreateString(device.device);
  auto hostVector = writeVector(builder, hostParts);
  auto bottleneck = writeText(builder, device.bottleneck);
  auto resources = writeText(builder, device.resources);
  return CreateDeviceProgram(builder, name, program, weights, hostVector, device.latencyMs,
                             device.fps, bottleneck, resources);
}

uint64_t alignTo(uint64_t value, uint64_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

void appendBytes(std::string &out, const void *data, size_t size) {
  out.append(static_cast<const char *>(data), size);
}

struct Layout {
  std::string prefix;          // header, section table and metadata
  std::vector<FilePart> parts; // prefix and sections, by ascending offset
  uint64_t fileSize = 0;
};

void layOut(const BlobContents &contents, Layout &layout) {
  std::vector<Section> sections{{SectionKind::Metadata, {}}};
  FlatBufferBuilder builder;
  auto modelName = writeText(builder, contents.modelName);
  auto producer = writeText(builder, contents.producer);
  auto inputs = writeTensors(builder, contents.inputs);
  auto outputs = writeTensors(builder, contents.outputs);
  Offsets<Variant> variants;
  for (const VariantContents &variant : contents.variants) {
    uint32_t code = placeSection(sections, SectionKind::Code, variant.code);
    uint32_t weights = placeSection(sections, SectionKind::Weights, variant.weights);
    variants.push_back(writeVariant(builder, variant, code, weights));
  }
  auto variantVector = builder.CreateVector(variants);
  Offset<DeviceProgram> device = 0;
  if (contents.device)
    device = writeDevice(builder, *contents.device, sections);
  Offsets<Note> notes;
  for (const auto &[key, value] : contents.notes) {
    auto keyText = builder.CreateString(key);
    notes.push_back(CreateNote(builder, keyText, writeText(builder, value)));
  }
  auto noteVector =
      notes.empty() ? Offset<flatbuffers::Vector<Offset<Note>>>(0) : builder.CreateVector(notes);
  builder.Finish(CreateMetadata(builder, modelName, producer, inputs, outputs, variantVector,
                                noteVector, device),
                 MetadataIdentifier());
  sections[0].bytes = {reinterpret_cast<const char *>(builder.GetBufferPointer()),
                       builder.GetSize()};

  std::vector<SectionEntry> table;
  uint64_t tableEnd = sizeof(FileHeader) + sections.size() * sizeof(SectionEntry);
  uint64_t position = tableEnd;
  for (const Section &section : sections) {
    bool isMetadata = section.kind == SectionKind::Metadata;
    position = alignTo(position, isMetadata ? kMetadataAlignment : kSectionAlignment);
    table.push_back({uint32_t(section.kind), 0, position, section.bytes.size(),
                     hashBytes(section.bytes.data(), section.bytes.size()), 0});
    position += section.bytes.size();
  }

  FileHeader header = {};
  memcpy(header.magic, kMagic, sizeof kMagic);
  header.format_version = kFormatVersion;
  header.section_count = uint32_t(sections.size());
  header.file_size = layout.fileSize = position;
  header.prefix_size = table[0].offset + table[0].size;
  appendBytes(layout.prefix, &header, sizeof header);
  appendBytes(layout.prefix, table.data(), table.size() * sizeof(SectionEntry));
  header.header_hash =
      hashHeader(reinterpret_cast<const uint8_t *>(layout.prefix.data()), tableEnd);
  layout.prefix.replace(0, sizeof header, reinterpret_cast<const char *>(&header), sizeof header);
  layout.prefix.resize(table[0].offset, '\0');
  layout.prefix += sections[0].bytes;

  layout.parts.push_back({0, layout.prefix});
  for (size_t i = 1; i < sections.size(); ++i)
    layout.parts.push_back({table[i].offset, sections[i].bytes});
}

/// Asks the reader: models may exceed its limits (extents, arena). Empty if it takes the blob.
std::string whyRefused(const Layout &layout) {
  std::vector<uint64_t> aligned(layout.prefix.size() / 8 + 2);
  auto *start = reinterpret_cast<uint8_t *>(aligned.data());
  start += reinterpret_cast<uintptr_t>(start) % 16;
  memcpy(start, layout.prefix.data(), layout.prefix.size());
  BlobView view;
  ParseResult parsed = BlobView::parse(start, layout.prefix.size(), layout.fileSize, &view);
  return parsed.ok() ? std::string()
                     : std::string("the model exceeds what a blob can hold: ") + parsed.detail;
}

} // namespace

std::string writeBlob(const BlobContents &contents, std::string *refusal) {
  Layout layout;
  layOut(contents, layout);
  std::string message = whyRefused(layout);
  assert((refusal || message.empty()) && "the reader refuses the blob");
  if (refusal && !message.empty()) {
    *refusal = message;
    return {};
  }
  std::string bytes(layout.fileSize, '\0');
  for (const FilePart &part : layout.parts)
    bytes.replace(part.offset, part.bytes.size(), part.bytes);
  return bytes;
}

std::string writeBlobFile(const std::string &path, const BlobContents &contents) {
  Layout layout;
  layOut(contents, layout);
  if (std::string message = whyRefused(layout); !message.empty())
    return message;
  return writeFileAtomically(path, layout.parts);
}

} // namespace edgecc::blob
