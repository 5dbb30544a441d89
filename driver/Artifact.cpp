#include "driver/Artifact.h"

#include "driver/GeneratedHeader.h"
#include "frontend/io/MappedFile.h"
#include "runtime/blob/BlobWriter.h"
#include "runtime/include/edgecc/abi.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

blob::ElementType elementTypeOf(DType dtype) {
  switch (dtype) {
#define EDGECC_SAME(Name)                                                                          \
  case DType::Name:                                                                                \
    return blob::ElementType::Name;
    EDGECC_SAME(F32)
    EDGECC_SAME(F16)
    EDGECC_SAME(BF16)
    EDGECC_SAME(F64)
    EDGECC_SAME(F8E4M3FN)
    EDGECC_SAME(F8E4M3FNUZ)
    EDGECC_SAME(F8E5M2)
    EDGECC_SAME(F8E5M2FNUZ)
    EDGECC_SAME(F8E8M0)
    EDGECC_SAME(I4)
    EDGECC_SAME(U4)
    EDGECC_SAME(I8)
    EDGECC_SAME(U8)
    EDGECC_SAME(I16)
    EDGECC_SAME(U16)
    EDGECC_SAME(I32)
    EDGECC_SAME(U32)
    EDGECC_SAME(I64)
    EDGECC_SAME(U64)
    EDGECC_SAME(Bool)
#undef EDGECC_SAME
  case DType::F4E2M1:
    return blob::ElementType::Invalid;
  }
  return blob::ElementType::Invalid;
}

blob::Arch archOf(native::Arch arch) {
  switch (arch) {
  case native::Arch::X86_64:
    return blob::Arch::X86_64;
  case native::Arch::AArch64:
    return blob::Arch::AArch64;
  case native::Arch::RISCV64:
    return blob::Arch::RiscV64;
  }
  return blob::Arch::None;
}

Expected<blob::TensorContents> tensorContents(const Port &port, const Type &type) {
  blob::TensorContents out;
  out.name = port.name;
  out.type = elementTypeOf(type.dtype);
  if (out.type == blob::ElementType::Invalid)
    return error(fmt::format("a blob cannot have an input or output of type {}", name(type.dtype)),
                 port.name, "cast it to another type in the model");
  if (type.rank() > blob::kMaxRank)
    return error(fmt::format("an input or output has {} dimensions, more than {}", type.rank(),
                             blob::kMaxRank),
                 port.name);
  out.dims = type.dims;
  out.dynamic = !type.isStatic();
  const Preprocessing &p = port.preprocessing;
  out.preprocessing.present = p != Preprocessing{};
  out.preprocessing.layout = p.layout;
  out.preprocessing.channelOrder = p.channelOrder;
  out.preprocessing.compiledIn = p.compiledIn;
  out.preprocessing.mean.assign(p.mean.begin(), p.mean.end());
  out.preprocessing.scale.assign(p.scale.begin(), p.scale.end());
  return out;
}

std::vector<std::string> splitNodes(const std::string &location) {
  std::vector<std::string> out;
  for (size_t at = 0; at < location.size();) {
    size_t end = std::min(location.find(',', at), location.size());
    if (end > at)
      out.push_back(location.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

blob::LayerContents layerContents(const native::LayerInfo &layer) {
  blob::LayerContents out;
  out.nodes = splitNodes(layer.name);
  out.op = layer.op;
  out.kind = layer.kind == "support"  ? blob::LayerKind::SupportCall
             : layer.kind == "scalar" ? blob::LayerKind::ScalarLoop
                                      : blob::LayerKind::VectorKernel;
  out.macs = static_cast<uint64_t>(layer.macs);
  out.bytes = static_cast<uint64_t>(layer.bytes);
  return out;
}

template <class Bytes> std::string_view viewOfBytes(const Bytes &bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

// The contents refer to the image's bytes, and to the weights of the code.
struct BlobParts {
  native::Image image;
  blob::BlobContents contents;
};

} // namespace

Expected<blob::BlobContents> describePorts(const Module &module) {
  const Function &function = module.main();
  blob::BlobContents contents;
  contents.modelName = module.name;
  contents.producer = "edgecc " EDGECC_VERSION;
  for (unsigned i = 0; i < function.inputs.size(); ++i) {
    EDGECC_TRY(tensor, tensorContents(function.inputs[i], function.body.argument(i)->type));
    contents.inputs.push_back(std::move(tensor));
  }
  for (unsigned i = 0; i < function.outputs.size(); ++i) {
    EDGECC_TRY(tensor, tensorContents(function.outputs[i], function.body.yields()[i]->type));
    contents.outputs.push_back(std::move(tensor));
  }
  return contents;
}

static Expected<BlobParts> blobParts(const Module &module, const native::NativeCode &code) {
  BlobParts parts;
  EDGECC_TRY(linked, native::linkImage(code));
  parts.image = std::move(linked);
  const native::Image &image = parts.image;
  EDGECC_TRY(described, describePorts(module));
  blob::BlobContents &contents = parts.contents;
  contents = std::move(described);
  blob::VariantContents &variant = contents.variants.emplace_back();
  variant.triple = code.target.triple;
  variant.arch = archOf(code.target.arch);
  variant.cpu = code.target.cpu;
  variant.features = code.target.features;
  for (const native::Segment &segment : image.segments)
    variant.segments.push_back({static_cast<uint64_t>(segment.offset),
                                static_cast<uint64_t>(segment.size), segment.executable});
  variant.entries.push_back(
      {code.entrySymbol, static_cast<uint64_t>(image.entry), EDGECC_ABI_VERSION});
  variant.arenaBytes = static_cast<uint64_t>(code.arenaBytes);
  variant.threadScratchBytes = static_cast<uint64_t>(code.scratchBytesPerThread);
  for (const native::LayerInfo &layer : code.layers)
    variant.layers.push_back(layerContents(layer));
  for (const native::Symbol &symbol : image.symbols)
    variant.symbols.push_back(
        {symbol.name, static_cast<uint64_t>(symbol.offset), static_cast<uint64_t>(symbol.size)});
  variant.code = viewOfBytes(image.bytes);
  variant.weights = viewOfBytes(code.weights);
  return parts;
}

Expected<std::string> makeBlob(const Module &module, const native::NativeCode &code) {
  EDGECC_TRY(parts, blobParts(module, code));
  std::string refusal, bytes = blob::writeBlob(parts.contents, &refusal);
  if (!refusal.empty())
    return error(refusal, module.name);
  return bytes;
}

Expected<void> writeBlobArtifact(const std::filesystem::path &path, const Module &module,
                                 const native::NativeCode &code) {
  EDGECC_TRY(parts, blobParts(module, code));
  std::string message = blob::writeBlobFile(path.string(), parts.contents);
  if (!message.empty())
    return error(message, path.string());
  return {};
}

Expected<void> writeObjectArtifact(const std::filesystem::path &path, const Module &module,
                                   const native::NativeCode &code, const std::string &symbol,
                                   bool library) {
  EDGECC_TRY(object, native::linkObject(code, symbol));
  if (library) {
    EDGECC_TRY(archive, native::makeArchive(object, symbol + ".o"));
    object = std::move(archive);
  }
  std::string header = generatedHeader(module.main(), code, symbol);
  EDGECC_CHECK(writeFile(path, object));
  auto headerPath = path;
  headerPath.replace_extension(".h");
  return writeFile(headerPath, std::as_bytes(std::span(header)));
}

std::string symbolFromPath(const std::filesystem::path &path) {
  std::string out;
  for (char c : path.stem().string())
    out += std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  if (out.empty() || std::isdigit(static_cast<unsigned char>(out[0])))
    out = "model_" + out;
  return out;
}

} // namespace edgecc::driver
