// SPDX-License-Identifier: Apache-2.0
#include "runtime/src/ThreadPool.h"

#include "runtime/src/Clock.h"
#include "runtime/src/FloatEnvironment.h"

#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace edgecc::runtime {

namespace {

constexpr int kPollsPerClockRead = 64;

void pauseCpu() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#else
  asm volatile(".insn i 0x0F, 0, x0, x0, 0x010"); // Zihintpause, a no-op elsewhere
#endif
}

static_assert(sizeof(std::atomic<uint32_t>) == sizeof(uint32_t));

void futexWait(std::atomic<uint32_t> &word, uint32_t expected) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAIT_PRIVATE, expected, nullptr);
}

void futexWakeAll(std::atomic<uint32_t> &word) {
  syscall(SYS_futex, reinterpret_cast<uint32_t *>(&word), FUTEX_WAKE_PRIVATE, INT32_MAX);
}

/// CPUs that this process may use; many if that cannot be told.
uint32_t usableCpus() {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? uint32_t(CPU_COUNT(&set)) : UINT32_MAX;
}

/// Polls until the condition holds or the time is up; true if it holds.
template <class Condition> bool spinUntil(uint64_t nanoseconds, Condition &&condition) {
  uint64_t deadline = 0;
  for (;;) {
    for (int i = 0; i < kPollsPerClockRead; ++i) {
      if (condition())
        return true;
      pauseCpu();
    }
    if (nanoseconds == 0)
      return false;
    uint64_t now = monotonicNanoseconds();
    if (deadline == 0)
      deadline = now + nanoseconds;
    else if (now >= deadline)
      return false;
  }
}

} // namespace

bool ThreadPool::start(uint32_t numThreads, uint64_t spinNanoseconds, pthread_t *threads) {
  // With more threads than CPUs, one that spins keeps another from its work.
  spinNanoseconds_ = numThreads <= usableCpus() ? spinNanoseconds : 0;
  threads_ = threads;
  // The host program's signal handlers are to run on its own threads.
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  bool started = true;
  for (uint32_t thread = 1; thread < numThreads; ++thread) {
    started = pthread_create(&threads[thread - 1], nullptr, threadMain, this) == 0;
    if (!started)
      break;
    numThreads_ = thread + 1;
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  if (!started)
    stop();
  return started;
}

void ThreadPool::stop() {
  stopping_ = true;
  region_.fetch_add(1);
  futexWakeAll(region_);
  for (uint32_t thread = 1; thread < numThreads_; ++thread)
    pthread_join(threads_[thread - 1], nullptr);
  numThreads_ = 1;
}

void ThreadPool::run(edgecc_task_fn task, void *frame, uint32_t count) {
  if (count == 0)
    return;
  task_ = task;
  frame_ = frame;
  count_ = count;
  if (numThreads_ == 1)
    return task(frame, 0, count, 0);
  if (count == 1) // not worth waking anyone; the unit belongs to the last range
    return task(frame, 0, 1, numThreads_ - 1);
  pending_.store(numThreads_ - 1, std::memory_order_relaxed);
  // Sequentially consistent against the worker's "announce sleep, then look at region_ again".
  region_.fetch_add(1);
  if (sleepers_.load() != 0)
    futexWakeAll(region_);
  runRange(0);
  awaitWorkers();
}

void ThreadPool::awaitWorkers() {
  auto finished = [this] { return pending_.load(std::memory_order_acquire) == 0; };
  if (spinUntil(spinNanoseconds_, finished))
    return;
  callerSleeps_.store(1);
  for (uint32_t left; (left = pending_.load()) != 0;)
    futexWait(pending_, left);
  callerSleeps_.store(0);
}

void *ThreadPool::threadMain(void *pool) {
  auto *self = static_cast<ThreadPool *>(pool);
  FloatEnvironment environment;
  self->work(self->nextThread_.fetch_add(1));
  return nullptr;
}

void ThreadPool::work(uint32_t thread) {
  for (uint32_t region = 0;;) {
    region = awaitRegion(region);
    if (stopping_)
      return;
    runRange(thread);
    if (pending_.fetch_sub(1) == 1 && callerSleeps_.load() != 0)
      futexWakeAll(pending_);
  }
}

uint32_t ThreadPool::awaitRegion(uint32_t lastRegion) {
  auto begun = [&] { return region_.load(std::memory_order_acquire) != lastRegion; };
  if (!spinUntil(spinNanoseconds_, begun)) {
    sleepers_.fetch_add(1);
    while (region_.load() == lastRegion)
      futexWait(region_, lastRegion);
    sleepers_.fetch_sub(1);
  }
  return region_.load();
}

void ThreadPool::runRange(uint32_t thread) {
  auto begin = uint32_t(uint64_t(count_) * thread / numThreads_);
  auto end = uint32_t(uint64_t(count_) * (thread + 1) / numThreads_);
  if (begin < end)
    task_(frame_, begin, end, thread);
}

} // namespace edgecc::runtime
