// SPDX-License-Identifier: Apache-2.0
//
// Fixed-layout part of a blob: header and section table. docs/blob.md is the specification. All
// numbers are little-endian; edgecc supports no big-endian machine.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

namespace edgecc::blob {

static_assert(std::endian::native == std::endian::little);

// 0x8f is not valid UTF-8 and 0x1a stops a terminal, so a blob is not taken for text; the newline
// pair is damaged by transfers that translate line ends.
inline constexpr uint8_t kMagic[8] = {0x8f, 'E', 'D', 'G', 'E', '\r', '\n', 0x1a};
inline constexpr uint32_t kFormatVersion = 1;

/// Sections that are mapped (code, weights) start at multiples of this: the largest page size of
/// the supported targets.
inline constexpr uint64_t kSectionAlignment = 65536;
inline constexpr uint64_t kMetadataAlignment = 16;

inline constexpr uint32_t kMaxSections = 64;
inline constexpr uint32_t kMaxRank = 16;
/// Inputs, and outputs: what a context allocates follows from their number.
inline constexpr uint32_t kMaxTensors = 4096;
/// Header, section table and metadata together. A loader copies them, so they are bounded.
inline constexpr uint64_t kMaxPrefixBytes = uint64_t(64) << 20;

enum class SectionKind : uint32_t {
  Metadata = 1,
  Code = 2,
  Weights = 3,
  Signature = 4, // reserved
  DeviceProgram = 5,
  HostPart = 6, // a blob: what a device program leaves to the host
};

struct FileHeader {
  uint8_t magic[8];
  uint32_t format_version;
  uint32_t section_count;
  uint64_t file_size;
  uint64_t prefix_size; // end of the metadata section: what a loader reads first
  uint64_t header_hash; // XXH3-64 of header and section table with this field zero
  uint8_t reserved[24]; // zero
};
static_assert(sizeof(FileHeader) == 64);

struct SectionEntry {
  uint32_t kind;
  uint32_t flags; // zero
  uint64_t offset;
  uint64_t size;
  uint64_t hash;     // XXH3-64 of the section's bytes
  uint64_t reserved; // zero
};
static_assert(sizeof(SectionEntry) == 40);

} // namespace edgecc::blob
