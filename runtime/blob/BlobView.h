// SPDX-License-Identifier: Apache-2.0
//
// Read access to a blob's header and metadata. Everything is checked once, in parse(); after that
// all offsets, sizes, indices and enum values that the accessors hand out are in range, whatever
// bytes the file holds. Allocates nothing and uses no C++ library, because the runtime is made of
// it.
#pragma once

#include "runtime/blob/BlobFormat.h"
#include "runtime/blob/metadata_generated.h"

#include <cstddef>
#include <cstdint>

namespace edgecc::blob {

enum class ParseStatus : uint8_t {
  Ok,
  NotABlob,  // wrong magic
  Version,   // a format version that this reader does not know
  Truncated, // fewer bytes than the header says
  Damaged,   // a hash does not match
  Malformed, // hashes match, but a value is out of range
};

/// Status and, unless Ok, a sentence in English with static lifetime.
struct ParseResult {
  ParseStatus status = ParseStatus::Ok;
  const char *detail = "";
  bool ok() const { return status == ParseStatus::Ok; }
};

class BlobView {
public:
  /// Reads the first `available` bytes (at least 64) just far enough to say how many bytes parse()
  /// needs. `fileSize` is the true size of the file.
  static ParseResult prefixSize(const uint8_t *data, size_t available, uint64_t fileSize,
                                uint64_t *prefixBytes);

  /// Checks header and metadata. `data` holds at least prefixSize() bytes, is 16-byte aligned, and
  /// must outlive the view unchanged. `fileSize` is the true size of the file; section contents
  /// other than the metadata are not touched.
  static ParseResult parse(const uint8_t *data, size_t available, uint64_t fileSize,
                           BlobView *view);

  const FileHeader &header() const { return *header_; }
  uint32_t sectionCount() const { return header_->section_count; }
  const SectionEntry &section(uint32_t index) const { return sections_[index]; }
  const Metadata &metadata() const { return *metadata_; }

  uint32_t inputCount() const { return metadata_->inputs() ? metadata_->inputs()->size() : 0; }
  uint32_t outputCount() const { return metadata_->outputs() ? metadata_->outputs()->size() : 0; }
  const Tensor &input(uint32_t index) const { return *metadata_->inputs()->Get(index); }
  const Tensor &output(uint32_t index) const { return *metadata_->outputs()->Get(index); }
  uint32_t variantCount() const { return metadata_->variants()->size(); }
  const Variant &variant(uint32_t index) const { return *metadata_->variants()->Get(index); }

private:
  const FileHeader *header_ = nullptr;
  const SectionEntry *sections_ = nullptr;
  const Metadata *metadata_ = nullptr;
};

/// Hash of header and section table with the header's hash field taken as zero. `tableEnd` is at
/// most 64 + kMaxSections * 40.
uint64_t hashHeader(const uint8_t *data, size_t tableEnd);

/// Bits of one element, 0 for a value outside the enumeration.
uint32_t elementBits(ElementType type);

/// Bytes of a dense tensor; false if the type, an extent or the product is out of range.
bool tensorBytes(const Tensor &tensor, uint64_t *bytes);

inline uint32_t rankOf(const Tensor &tensor) { return tensor.dims() ? tensor.dims()->size() : 0; }

inline const char *textOf(const flatbuffers::String *text) { return text ? text->c_str() : ""; }

} // namespace edgecc::blob
