// SPDX-License-Identifier: Apache-2.0
//
// Builds blobs. Part of the compiler, not of the runtime: uses the C++ library. The bytes depend on
// the contents alone.
#pragma once

#include "runtime/blob/BlobFormat.h"
#include "runtime/blob/metadata_generated.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace edgecc::blob {

struct QuantizationContents {
  std::vector<float> scales;       // empty: not quantised
  std::vector<int32_t> zeroPoints; // empty: all zero; else as long as scales
  int32_t axis = -1;
};

struct PreprocessingContents {
  bool present = false;
  std::string layout;
  std::string channelOrder;
  std::vector<float> mean;
  std::vector<float> scale;
  bool compiledIn = false;
};

struct TensorContents {
  std::string name;
  ElementType type = ElementType::F32;
  std::vector<int64_t> dims; // upper bounds if dynamic
  bool dynamic = false;
  std::vector<std::string> dimNames; // empty, or one per dimension
  QuantizationContents quantization;
  PreprocessingContents preprocessing;
};

/// Offsets are in the code image; segments start at multiples of kSectionAlignment.
struct SegmentContents {
  uint64_t offset = 0;
  uint64_t size = 0;
  bool executable = false;
};

struct EntryPointContents {
  std::string name;
  uint64_t offset = 0;
  uint32_t abiVersion = 0; // EDGECC_ABI_VERSION of edgecc/abi.h
};

struct LayerContents {
  std::vector<std::string> nodes;
  std::string op;
  LayerKind kind = LayerKind::VectorKernel;
  uint64_t macs = 0;
  uint64_t bytes = 0;
};

struct SymbolContents {
  std::string name;
  uint64_t offset = 0;
  uint64_t size = 0;
};

struct VariantContents {
  std::string triple;
  Arch arch = Arch::None;
  std::string cpu;
  std::vector<std::string> features; // what the code needs beyond the architecture's baseline
  std::vector<SegmentContents> segments;
  std::vector<EntryPointContents> entries; // the first one is what edgecc_context_run calls
  uint64_t arenaBytes = 0;
  uint64_t threadScratchBytes = 0;
  std::vector<LayerContents> layers;
  std::vector<SymbolContents> symbols;
  // Borrowed until the blob is written. Variants with equal code or weights share a section.
  std::string_view code; // the image; byte 0 is mapped at a kSectionAlignment boundary
  std::string_view weights;
};

/// A program for a simulated chip. Borrowed until the blob is written.
struct DeviceContents {
  std::string device;
  std::string_view program; // written by emulator::writeProgram
  std::string_view weights;
  std::vector<std::string_view> hostParts; // blobs
  double latencyMs = 0, fps = 0;
  std::string bottleneck, resources;
};

struct BlobContents {
  std::string modelName;
  std::string producer;
  std::vector<TensorContents> inputs;
  std::vector<TensorContents> outputs;
  std::vector<VariantContents> variants; // in order of preference, most demanding first
  std::vector<std::pair<std::string, std::string>> notes;
  std::optional<DeviceContents> device; // in place of variants
};

/// The blob's bytes. What BlobView::parse refuses (models may exceed the limits of a blob) gives ""
/// and a description in `refusal`; without `refusal` it is a bug of the compiler and is asserted.
std::string writeBlob(const BlobContents &contents, std::string *refusal = nullptr);

/// Writes the same bytes to a file, atomically and without building them in memory first.
/// Returns "" or a description of the failure.
std::string writeBlobFile(const std::string &path, const BlobContents &contents);

} // namespace edgecc::blob
