// SPDX-License-Identifier: Apache-2.0
//
// Fuzzes the blob reader: header, section table and metadata. The input's hashes are repaired
// first, otherwise nothing would get past them. What the reader accepts is then loaded through the
// C API and described, but never run: code is trusted by design.
#include "edgecc/runtime.h"
#include "runtime/blob/BlobView.h"
#include "runtime/blob/Hash.h"

#include <cstdlib>
#include <cstring>
#include <vector>

using namespace edgecc::blob;

namespace {

struct alignas(64) Line {
  uint8_t bytes[64];
};

void repair(uint8_t *data, size_t size) {
  if (size < sizeof(FileHeader))
    return;
  auto *header = reinterpret_cast<FileHeader *>(data);
  memcpy(header->magic, kMagic, sizeof kMagic);
  header->format_version = kFormatVersion;
  header->file_size = size;
  uint64_t tableEnd = sizeof(FileHeader) + uint64_t(header->section_count) * sizeof(SectionEntry);
  if (header->section_count == 0 || header->section_count > kMaxSections || tableEnd > size)
    return;
  auto *sections = reinterpret_cast<SectionEntry *>(data + sizeof(FileHeader));
  for (uint32_t i = 0; i < header->section_count; ++i)
    if (sections[i].offset <= size && sections[i].size <= size - sections[i].offset)
      sections[i].hash = hashBytes(data + sections[i].offset, sections[i].size);
  header->header_hash = hashHeader(data, tableEnd);
}

void check(bool condition) {
  if (!condition)
    abort();
}

void describe(edgecc_model *model) {
  edgecc_tensor_info tensor;
  uint64_t sum = 0;
  for (uint32_t i = 0; i < edgecc_model_input_count(model); ++i) {
    check(edgecc_model_input(model, i, &tensor, sizeof tensor) == EDGECC_OK);
    for (uint32_t j = 0; j < tensor.quantization.count; ++j)
      sum += tensor.quantization.scales[j] > 0;
    check(edgecc_model_find_input(model, tensor.name) >= 0);
  }
  for (uint32_t i = 0; i < edgecc_model_output_count(model); ++i) {
    check(edgecc_model_output(model, i, &tensor, sizeof tensor) == EDGECC_OK);
    sum += strlen(tensor.name) + strlen(tensor.preprocessing.layout);
  }
  edgecc_layer_info layer;
  for (uint32_t i = 0; i < edgecc_model_layer_count(model); ++i) {
    check(edgecc_model_layer(model, i, &layer, sizeof layer) == EDGECC_OK);
    for (uint32_t j = 0; j < layer.node_count; ++j)
      sum += strlen(edgecc_model_layer_node(model, i, j));
  }
  sum += strlen(edgecc_model_name(model)) + edgecc_model_arena_size(model, 256);
  static volatile uint64_t sink;
  sink = sum;
  edgecc_error error;
  edgecc_status status = edgecc_model_verify(model, &error);
  check(status == EDGECC_OK || status == EDGECC_ERROR_DAMAGED);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::vector<Line> storage(size / sizeof(Line) + 1);
  uint8_t *bytes = storage[0].bytes;
  memcpy(bytes, data, size);
  for (int repaired = 0; repaired < 2; ++repaired) {
    edgecc_model *model = nullptr;
    edgecc_error error;
    edgecc_status status = edgecc_model_load_memory(bytes, size, nullptr, &model, &error);
    check((status == EDGECC_OK) == (model != nullptr));
    if (model)
      describe(model);
    edgecc_model_destroy(model);
    repair(bytes, size);
  }
  return 0;
}
