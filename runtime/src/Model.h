// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "edgecc/runtime.h"
#include "runtime/blob/BlobView.h"
#include "runtime/src/Memory.h"

#include <cstddef>
#include <cstdint>

/// A loaded model. Immutable once a loading function has returned it.
struct edgecc_model {
  edgecc_allocator allocator;

  // Header, section table and metadata, copied so that nobody changes them after they were checked.
  uint8_t *prefix = nullptr;
  uint64_t prefixBytes = 0;
  edgecc::blob::BlobView view;
  const edgecc::blob::Variant *variant = nullptr;

  void *fileMapping = nullptr; // whole file, or NULL if loaded from memory
  size_t fileMappingBytes = 0;
  void *codeMapping = nullptr; // copy of the code, if loaded from memory
  size_t codeMappingBytes = 0;
  void *ownedWeights = nullptr; // copy of the weights, if they were not aligned

  const uint8_t *code = nullptr;
  uint64_t codeBytes = 0;
  const uint8_t *weights = nullptr;
  uint64_t weightsBytes = 0;
  uint64_t weightsHash = 0;
  edgecc_entry_fn entry = nullptr;

  uint32_t layerCount() const { return variant->layers() ? variant->layers()->size() : 0; }
  uint64_t arenaBytes(uint32_t numThreads) const {
    // Both terms were bounded by 2^46 at load and numThreads by EDGECC_MAX_THREADS.
    return variant->arena_bytes() + numThreads * variant->thread_scratch_bytes();
  }
};
