// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "edgecc/runtime.h"
#include "runtime/src/Model.h"
#include "runtime/src/ThreadPool.h"

namespace edgecc::runtime {

inline constexpr uint32_t kNoState = UINT32_MAX;

struct InputSlot {
  edgecc_tensor_info info;
  void *buffer;       // the context's own: dense, aligned
  const void *source; // where the caller's data lies; `buffer` if it fills that; NULL: not set
  bool gather;        // source is strided or unaligned and is copied to `buffer` at each run
  int64_t strides[EDGECC_MAX_RANK];
};

struct OutputSlot {
  edgecc_tensor_info info;
  void *buffer;                  // the context's own: dense, aligned
  void *bound;                   // the caller's, or NULL
  uint32_t stateInput;           // input that this output feeds in the next run, or kNoState
  int64_t dims[EDGECC_MAX_RANK]; // extents after the last run
};

struct LayerTimer {
  uint64_t total;
  uint64_t minimum;
  uint64_t count;
};

} // namespace edgecc::runtime

/// One inference in flight. The arrays lie in one block behind the structure.
struct edgecc_context {
  const edgecc_model *model = nullptr;
  uint32_t numThreads = 1;
  bool hasOwnPool = false;
  bool hasCallerPool = false;
  edgecc_thread_pool callerPool = {};
  edgecc::runtime::ThreadPool pool;

  uint64_t blockBytes = 0; // of this structure and its arrays
  uint32_t inputCount = 0;
  uint32_t outputCount = 0;
  uint32_t layerCount = 0;
  edgecc::runtime::InputSlot *inputs = nullptr;
  edgecc::runtime::OutputSlot *outputs = nullptr;
  const void **inputPointers = nullptr; // what the entry function sees
  void **outputPointers = nullptr;
  int64_t **extentPointers = nullptr;
  edgecc::runtime::LayerTimer *timers = nullptr;
  pthread_t *threads = nullptr;

  void *tensors = nullptr; // all input and output buffers
  uint64_t tensorBytes = 0;
  void *arena = nullptr;
  uint64_t arenaBytes = 0;

  bool profiling = false;
  uint32_t currentLayer = 0;
  uint64_t layerStart = 0;

  edgecc_error error = {};
};
