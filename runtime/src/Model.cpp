// SPDX-License-Identifier: Apache-2.0
#include "runtime/src/Model.h"

#include "runtime/blob/Hash.h"
#include "runtime/src/CpuFeatures.h"
#include "runtime/src/Error.h"
#include "runtime/src/PerfMap.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <new>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace edgecc::runtime {

namespace {

using blob::BlobView;
using blob::ParseResult;
using blob::ParseStatus;
using blob::SectionEntry;
using blob::Segment;
using blob::Variant;

edgecc_status statusOf(ParseStatus status) {
  switch (status) {
  case ParseStatus::Ok:
    return EDGECC_OK;
  case ParseStatus::NotABlob:
    return EDGECC_ERROR_NOT_A_BLOB;
  case ParseStatus::Version:
    return EDGECC_ERROR_VERSION;
  case ParseStatus::Truncated:
  case ParseStatus::Damaged:
    return EDGECC_ERROR_DAMAGED;
  case ParseStatus::Malformed:
    break;
  }
  return EDGECC_ERROR_MALFORMED;
}

edgecc_status refuse(edgecc_error *error, ParseResult result) {
  return fail(error, statusOf(result.status), "%s", result.detail);
}

edgecc_status createModel(const edgecc_model_options *options, edgecc_model **model,
                          edgecc_error *error) {
  edgecc_allocator allocator = defaultAllocator();
  if (options) {
    if (options->struct_size < sizeof(edgecc_model_options))
      return fail(error, EDGECC_ERROR_INVALID_ARGUMENT,
                  "edgecc_model_options.struct_size is not sizeof(edgecc_model_options)");
    if (options->allocator)
      allocator = *options->allocator;
  }
  void *memory = allocate(allocator, sizeof(edgecc_model));
  if (!memory)
    return fail(error, EDGECC_ERROR_NO_MEMORY, "no memory for a model");
  *model = new (memory) edgecc_model;
  (*model)->allocator = allocator;
  return EDGECC_OK;
}

/// Copies and checks header and metadata of a blob of `size` bytes.
edgecc_status readPrefix(edgecc_model &model, const uint8_t *data, uint64_t size,
                         edgecc_error *error) {
  uint64_t prefixBytes = 0;
  ParseResult result = BlobView::prefixSize(data, size, size, &prefixBytes);
  if (!result.ok())
    return refuse(error, result);
  model.prefix = static_cast<uint8_t *>(allocate(model.allocator, prefixBytes));
  if (!model.prefix)
    return fail(error, EDGECC_ERROR_NO_MEMORY, "no memory for %llu bytes of metadata",
                static_cast<unsigned long long>(prefixBytes));
  model.prefixBytes = prefixBytes;
  memcpy(model.prefix, data, prefixBytes);
  result = BlobView::parse(model.prefix, prefixBytes, size, &model.view);
  return result.ok() ? EDGECC_OK : refuse(error, result);
}

const char *firstMissingFeature(const Variant &variant) {
  if (variant.features())
    for (const flatbuffers::String *feature : *variant.features())
      if (!cpuHasFeature(feature->c_str()))
        return feature->c_str();
  return nullptr;
}

edgecc_status chooseVariant(edgecc_model &model, edgecc_error *error) {
  if (model.view.metadata().device())
    return fail(error, EDGECC_ERROR_WRONG_TARGET,
                "the blob is a program for the device '%s': the emulator runs it (edgecc run, or "
                "the library edgecc_emulator)",
                model.view.metadata().device()->device()->c_str());
  const Variant *sameArch = nullptr;
  for (uint32_t i = 0; i < model.view.variantCount(); ++i) {
    const Variant &variant = model.view.variant(i);
    if (variant.arch() != hostArch())
      continue;
    sameArch = &variant;
    if (!firstMissingFeature(variant)) {
      model.variant = &variant;
      break;
    }
  }
  if (!sameArch)
    return fail(error, EDGECC_ERROR_WRONG_TARGET,
                "the blob was compiled for %s, this machine is %s: compile it with --target",
                archName(model.view.variant(0).arch()), archName(hostArch()));
  if (!model.variant)
    return fail(error, EDGECC_ERROR_CPU_FEATURE,
                "the blob was compiled for '%s' and needs the CPU feature '%s', which this machine "
                "lacks: compile it with --cpu for this machine",
                blob::textOf(sameArch->cpu()), firstMissingFeature(*sameArch));
  uint32_t version = model.variant->entries()->Get(0)->abi_version();
  if (version != EDGECC_ABI_VERSION)
    return fail(error, EDGECC_ERROR_VERSION,
                "the blob's code follows version %u of the calling convention, this library "
                "version %u: use matching versions of compiler and runtime",
                version, EDGECC_ABI_VERSION);
  return EDGECC_OK;
}

edgecc_status checkCodeHash(const edgecc_model &model, const uint8_t *code, edgecc_error *error) {
  const SectionEntry &section = model.view.section(model.variant->code_section());
  if (blob::hashBytes(code, section.size) != section.hash)
    return fail(error, EDGECC_ERROR_DAMAGED, "the hash of the code does not match");
  return EDGECC_OK;
}

/// Gives each segment its protection and sets code and entry. `base` holds the code image in
/// private pages.
edgecc_status protectCode(edgecc_model &model, uint8_t *base, edgecc_error *error) {
  auto page = uint64_t(sysconf(_SC_PAGESIZE));
  if (page > blob::kSectionAlignment)
    return fail(error, EDGECC_ERROR_IO, "memory pages of more than 64 KiB are not supported");
  for (const Segment *segment : *model.variant->segments()) {
    uint64_t bytes = (segment->size() + page - 1) / page * page;
    int protection = segment->executable() ? PROT_READ | PROT_EXEC : PROT_READ;
    if (bytes && mprotect(base + segment->offset(), bytes, protection) != 0)
      return fail(error, EDGECC_ERROR_IO, "cannot make the code executable: %s", strerror(errno));
  }
  model.code = base;
  model.codeBytes = model.view.section(model.variant->code_section()).size;
  uint64_t entry = model.variant->entries()->Get(0)->offset();
  model.entry = reinterpret_cast<edgecc_entry_fn>(reinterpret_cast<uintptr_t>(base + entry));
  return EDGECC_OK;
}

edgecc_status copyCode(edgecc_model &model, const uint8_t *data, edgecc_error *error) {
  const SectionEntry &section = model.view.section(model.variant->code_section());
  edgecc_status status = checkCodeHash(model, data + section.offset, error);
  if (status)
    return status;
  // mmap aligns to pages only, code and its constants rely on no more.
  void *memory =
      mmap(nullptr, section.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    return fail(error, EDGECC_ERROR_NO_MEMORY, "no memory for the code: %s", strerror(errno));
  model.codeMapping = memory;
  model.codeMappingBytes = section.size;
  memcpy(memory, data + section.offset, section.size);
  if (mprotect(memory, section.size, PROT_READ) != 0)
    return fail(error, EDGECC_ERROR_IO, "cannot protect the code: %s", strerror(errno));
  auto *start = static_cast<char *>(memory);
  __builtin___clear_cache(start, start + section.size);
  return protectCode(model, static_cast<uint8_t *>(memory), error);
}

void useWeights(edgecc_model &model, const uint8_t *blob) {
  const SectionEntry &section = model.view.section(model.variant->weights_section());
  model.weights = blob + section.offset;
  model.weightsBytes = section.size;
  model.weightsHash = section.hash;
}

edgecc_status alignWeights(edgecc_model &model, edgecc_error *error) {
  if (reinterpret_cast<uintptr_t>(model.weights) % EDGECC_ALIGNMENT == 0)
    return EDGECC_OK;
  model.ownedWeights = allocate(model.allocator, model.weightsBytes);
  if (!model.ownedWeights)
    return fail(error, EDGECC_ERROR_NO_MEMORY, "no memory for %llu bytes of weights",
                static_cast<unsigned long long>(model.weightsBytes));
  memcpy(model.ownedWeights, model.weights, model.weightsBytes);
  model.weights = static_cast<const uint8_t *>(model.ownedWeights);
  return EDGECC_OK;
}

edgecc_status mapFile(edgecc_model &model, const char *path, edgecc_error *error) {
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fail(error, EDGECC_ERROR_IO, "cannot open '%s': %s", path, strerror(errno));
  struct stat status;
  edgecc_status result = EDGECC_OK;
  if (fstat(file, &status) != 0)
    result = fail(error, EDGECC_ERROR_IO, "cannot read '%s': %s", path, strerror(errno));
  else if (!S_ISREG(status.st_mode))
    result = fail(error, EDGECC_ERROR_IO, "'%s' is not a regular file", path);
  else if (status.st_size == 0)
    result = fail(error, EDGECC_ERROR_NOT_A_BLOB, "'%s' is empty", path);
  else {
    void *memory = mmap(nullptr, size_t(status.st_size), PROT_READ, MAP_PRIVATE, file, 0);
    if (memory == MAP_FAILED) {
      result = fail(error, EDGECC_ERROR_IO, "cannot map '%s': %s", path, strerror(errno));
    } else {
      model.fileMapping = memory;
      model.fileMappingBytes = size_t(status.st_size);
    }
  }
  close(file);
  return result;
}

edgecc_status loadMapped(edgecc_model &model, const char *path, edgecc_error *error) {
  edgecc_status status = mapFile(model, path, error);
  if (status)
    return status;
  auto *data = static_cast<uint8_t *>(model.fileMapping);
  if ((status = readPrefix(model, data, model.fileMappingBytes, error)) ||
      (status = chooseVariant(model, error)))
    return status;
  uint8_t *code = data + model.view.section(model.variant->code_section()).offset;
  if ((status = checkCodeHash(model, code, error)) || (status = protectCode(model, code, error)))
    return status;
  useWeights(model, data);
  return EDGECC_OK;
}

edgecc_status loadCopied(edgecc_model &model, const uint8_t *data, size_t size,
                         edgecc_error *error) {
  edgecc_status status;
  if ((status = readPrefix(model, data, size, error)) || (status = chooseVariant(model, error)) ||
      (status = copyCode(model, data, error)))
    return status;
  useWeights(model, data);
  return alignWeights(model, error);
}

/// Hashes all sections but the metadata, which was hashed when it was parsed.
edgecc_status checkAllSections(const BlobView &view, const uint8_t *data, edgecc_error *error) {
  for (uint32_t i = 1; i < view.sectionCount(); ++i) {
    const SectionEntry &section = view.section(i);
    if (blob::hashBytes(data + section.offset, section.size) != section.hash)
      return fail(error, EDGECC_ERROR_DAMAGED, "the hash of section %u (%s) does not match", i,
                  section.kind == uint32_t(blob::SectionKind::Code)      ? "code"
                  : section.kind == uint32_t(blob::SectionKind::Weights) ? "weights"
                                                                         : "other");
  }
  return EDGECC_OK;
}

/// Hands out a loaded model or frees a broken one.
edgecc_status finish(edgecc_model *loaded, edgecc_status status, edgecc_model **model) {
  if (status) {
    edgecc_model_destroy(loaded);
    return status;
  }
  writePerfMap(*loaded);
  *model = loaded;
  return EDGECC_OK;
}

} // namespace

} // namespace edgecc::runtime

using namespace edgecc::runtime;

extern "C" edgecc_status edgecc_model_load_file(const char *path,
                                                const edgecc_model_options *options,
                                                edgecc_model **model, edgecc_error *error) {
  if (!path || !model)
    return fail(error, EDGECC_ERROR_INVALID_ARGUMENT, "path and model must not be NULL");
  *model = nullptr;
  edgecc_model *loaded = nullptr;
  if (edgecc_status status = createModel(options, &loaded, error))
    return status;
  return finish(loaded, loadMapped(*loaded, path, error), model);
}

extern "C" edgecc_status edgecc_model_load_memory(const void *data, size_t size,
                                                  const edgecc_model_options *options,
                                                  edgecc_model **model, edgecc_error *error) {
  if (!data || !model)
    return fail(error, EDGECC_ERROR_INVALID_ARGUMENT, "data and model must not be NULL");
  *model = nullptr;
  edgecc_model *loaded = nullptr;
  if (edgecc_status status = createModel(options, &loaded, error))
    return status;
  return finish(loaded, loadCopied(*loaded, static_cast<const uint8_t *>(data), size, error),
                model);
}

extern "C" void edgecc_model_destroy(edgecc_model *model) {
  if (!model)
    return;
  edgecc_allocator allocator = model->allocator;
  if (model->fileMapping)
    munmap(model->fileMapping, model->fileMappingBytes);
  if (model->codeMapping)
    munmap(model->codeMapping, model->codeMappingBytes);
  release(allocator, model->ownedWeights, model->weightsBytes);
  release(allocator, model->prefix, model->prefixBytes);
  release(allocator, model, sizeof(edgecc_model));
}

extern "C" edgecc_status edgecc_model_verify(const edgecc_model *model, edgecc_error *error) {
  if (!model)
    return fail(error, EDGECC_ERROR_INVALID_ARGUMENT, "model must not be NULL");
  if (edgecc::blob::hashBytes(model->weights, model->weightsBytes) != model->weightsHash)
    return fail(error, EDGECC_ERROR_DAMAGED, "the hash of the weights does not match");
  return EDGECC_OK;
}

extern "C" edgecc_status edgecc_verify_file(const char *path, edgecc_error *error) {
  if (!path)
    return fail(error, EDGECC_ERROR_INVALID_ARGUMENT, "path must not be NULL");
  edgecc_model *model = nullptr;
  edgecc_status status = createModel(nullptr, &model, error);
  if (status)
    return status;
  if (!(status = mapFile(*model, path, error))) {
    auto *data = static_cast<const uint8_t *>(model->fileMapping);
    if (!(status = readPrefix(*model, data, model->fileMappingBytes, error)))
      status = checkAllSections(model->view, data, error);
  }
  edgecc_model_destroy(model);
  return status;
}
