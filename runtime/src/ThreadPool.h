// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "edgecc/runtime.h"

#include <atomic>
#include <cstdint>
#include <pthread.h>

namespace edgecc::runtime {

/// Runs ranges of work units on a fixed set of threads, the caller being thread 0. Between regions
/// workers spin for a while, because the next layer follows within microseconds, then sleep. Used
/// by one caller at a time. Neither copied nor moved.
class ThreadPool {
public:
  ThreadPool() = default;
  ~ThreadPool() = default; // after stop()

  /// Starts numThreads - 1 workers. `threads` has room for as many handles and outlives the pool.
  /// False if one could not be started; none is left running then.
  bool start(uint32_t numThreads, uint64_t spinNanoseconds, pthread_t *threads);

  /// Ends and joins the workers.
  void stop();

  /// Thread t of N takes units [count * t / N, count * (t + 1) / N).
  /// Tasks are model code, which carries no type signature for -fsanitize=function.
  [[clang::no_sanitize("function")]] void run(edgecc_task_fn task, void *frame, uint32_t count);

private:
  static void *threadMain(void *pool);
  void work(uint32_t thread);
  [[clang::no_sanitize("function")]] void runRange(uint32_t thread);
  uint32_t awaitRegion(uint32_t lastRegion);
  void awaitWorkers();

  uint32_t numThreads_ = 1;
  uint64_t spinNanoseconds_ = 0;
  pthread_t *threads_ = nullptr;

  // The region being run. Written by the caller before region_ changes, read by workers after.
  edgecc_task_fn task_ = nullptr;
  void *frame_ = nullptr;
  uint32_t count_ = 0;
  bool stopping_ = false;

  // Each on a line of its own: workers poll the first while others write the rest.
  alignas(64) std::atomic<uint32_t> region_{0};   // futex: number of regions begun
  alignas(64) std::atomic<uint32_t> sleepers_{0}; // workers asleep on region_
  alignas(64) std::atomic<uint32_t> pending_{0};  // futex: workers that have not finished
  alignas(64) std::atomic<uint32_t> callerSleeps_{0};
  std::atomic<uint32_t> nextThread_{1};
};

} // namespace edgecc::runtime
