// SPDX-License-Identifier: Apache-2.0
//
// Contexts of the C API: inputs, outputs, states, threads, profiles.
#include "tests/unit/runtime/RuntimeFixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstring>
#include <set>
#include <thread>
#include <unistd.h>
#include <vector>

using namespace edgecc::test;
using testing::HasSubstr;

namespace {

TEST_F(Runtime, GivesTheSameBitsForAnyNumberOfThreads) {
  ModelPtr model = load();
  Matrix x = exampleInput();
  const float state[4] = {1, 2, 3, 4};
  Matrix expected = expectedY(x, state);
  for (uint32_t threads : {1u, 2u, 3u, 7u}) {
    ContextPtr run = context(model, threads);
    for (int repeat = 0; repeat < 200; ++repeat) {
      ASSERT_EQ(edgecc_context_set_input(run.get(), 0, x.values, nullptr), EDGECC_OK);
      ASSERT_EQ(edgecc_context_set_input(run.get(), 1, state, nullptr), EDGECC_OK);
      ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK) << edgecc_context_error(run.get());
      ASSERT_EQ(memcmp(edgecc_context_output(run.get(), 0), &expected, sizeof expected.values), 0);
    }
  }
}

TEST_F(Runtime, WorkersThatFellAsleepWakeUp) {
  ModelPtr model = load();
  ContextPtr run = context(model, 3);
  Matrix x = exampleInput();
  const float state[4] = {};
  Matrix expected = expectedY(x, state);
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  for (int repeat = 0; repeat < 20; ++repeat) {
    usleep(2000); // far beyond the spinning time
    ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
    ASSERT_EQ(memcmp(edgecc_context_output(run.get(), 0), &expected, sizeof expected.values), 0);
  }
}

TEST_F(Runtime, ManyContextsOfOneModelRunAtOnce) {
  ModelPtr model = load();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      ContextPtr run = context(model, 1 + t % 2);
      Matrix x = exampleInput();
      x.values[3] = float(t);
      const float state[4] = {float(t), 0, 0, 0};
      Matrix expected = expectedY(x, state);
      edgecc_context_set_input(run.get(), 0, x.values, nullptr);
      edgecc_context_set_input(run.get(), 1, state, nullptr);
      for (int repeat = 0; repeat < 500; ++repeat)
        if (edgecc_context_run(run.get()) != EDGECC_OK ||
            memcmp(edgecc_context_output(run.get(), 0), &expected, sizeof expected.values) != 0)
          ++wrong;
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Runtime, StridedAndUnalignedInputsAreGathered) {
  ModelPtr model = load();
  ContextPtr run = context(model);
  Matrix x = exampleInput();
  const float state[4] = {};
  Matrix expected = expectedY(x, state);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  auto expectResult = [&](const char *what) {
    ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
    EXPECT_EQ(memcmp(edgecc_context_output(run.get(), 0), &expected, sizeof expected.values), 0)
        << what;
  };

  float transposed[4][6], padded[6][7], reversed[6][4];
  uint8_t unaligned[sizeof x.values + 1];
  for (int r = 0; r < 6; ++r)
    for (int c = 0; c < 4; ++c)
      transposed[c][r] = padded[r][c] = reversed[5 - r][c] = x.values[r * 4 + c];
  memcpy(unaligned + 1, &x, sizeof x.values);

  const int64_t transposedStrides[] = {4, 24}, paddedStrides[] = {28, 4},
                reversedStrides[] = {-16, 4};
  edgecc_context_set_input(run.get(), 0, transposed, transposedStrides);
  expectResult("transposed");
  edgecc_context_set_input(run.get(), 0, padded, paddedStrides);
  expectResult("padded");
  edgecc_context_set_input(run.get(), 0, reversed[5], reversedStrides);
  expectResult("reversed");
  edgecc_context_set_input(run.get(), 0, unaligned + 1, nullptr);
  expectResult("unaligned");
  memcpy(edgecc_context_input_buffer(run.get(), 0), &x, sizeof x.values);
  expectResult("own buffer");
}

TEST_F(Runtime, ABoundInputIsReadAtEachRun) {
  ModelPtr model = load();
  ContextPtr run = context(model);
  Matrix x = exampleInput();
  const float state[4] = {};
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
  x.values[0] = 100;
  ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
  EXPECT_EQ(static_cast<const float *>(edgecc_context_output(run.get(), 0))[0],
            100 * kFlatWeights[0]);
}

TEST_F(Runtime, OutputsGoWhereTheCallerWants) {
  ModelPtr model = load();
  ContextPtr run = context(model);
  Matrix x = exampleInput(), y = {};
  const float state[4] = {};
  Matrix expected = expectedY(x, state);
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  uint8_t unaligned[sizeof y.values + 1];
  for (void *target : {static_cast<void *>(&y), static_cast<void *>(unaligned + 1)}) {
    ASSERT_EQ(edgecc_context_bind_output(run.get(), 0, target), EDGECC_OK);
    ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
    EXPECT_EQ(edgecc_context_output(run.get(), 0), target);
    EXPECT_EQ(memcmp(target, &expected, sizeof expected.values), 0);
  }
}

TEST_F(Runtime, ReportsTheExtentsOfDataDependentOutputs) {
  ModelPtr model = load();
  ContextPtr run = context(model);
  Matrix x = {};
  x.values[5] = 3;
  x.values[9] = 4;
  const float state[4] = {};
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
  int64_t extent = -1;
  ASSERT_EQ(edgecc_context_output_dims(run.get(), 2, &extent), EDGECC_OK);
  EXPECT_EQ(extent, 2);
  EXPECT_EQ(static_cast<const float *>(edgecc_context_output(run.get(), 2))[1], 4.0f);
}

TEST_F(Runtime, BoundStatesMoveFromRunToRun) {
  ModelPtr model = load();
  ContextPtr run = context(model);
  ASSERT_EQ(edgecc_context_bind_state(run.get(), 1, 1), EDGECC_OK);
  Matrix x;
  for (float &value : x.values)
    value = 1;
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  for (int step = 0; step < 10; ++step) {
    ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
    auto *y = static_cast<const float *>(edgecc_context_output(run.get(), 0));
    auto *next = static_cast<const float *>(edgecc_context_output(run.get(), 1));
    EXPECT_EQ(y[0], kFlatWeights[0] + 6.0f * float(step));
    EXPECT_EQ(next[3], 6.0f * float(step + 1));
  }
  edgecc_context_reset_states(run.get());
  ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
  EXPECT_EQ(static_cast<const float *>(edgecc_context_output(run.get(), 0))[0], kFlatWeights[0]);
  static_cast<float *>(edgecc_context_input_buffer(run.get(), 1))[0] = 50;
  ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
  EXPECT_EQ(static_cast<const float *>(edgecc_context_output(run.get(), 0))[0],
            kFlatWeights[0] + 50);
  // Neither end of a state can be bound to anything else, and shapes must agree.
  EXPECT_EQ(edgecc_context_bind_output(run.get(), 1, x.values), EDGECC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(edgecc_context_set_input(run.get(), 1, x.values, nullptr),
            EDGECC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(edgecc_context_bind_state(run.get(), 0, 1), EDGECC_ERROR_INVALID_ARGUMENT);
  EXPECT_THAT(edgecc_context_error(run.get()), HasSubstr("'y'"));
}

TEST_F(Runtime, AFailedRunLeavesTheStateAlone) {
  ModelPtr model = load();
  ContextPtr run = context(model);
  edgecc_context_bind_state(run.get(), 1, 1);
  Matrix x = exampleInput();
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
  float before[4];
  memcpy(before, edgecc_context_input_buffer(run.get(), 1), sizeof before);
  x.values[0] = 2e30f;
  ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_ERROR_BOUND);
  EXPECT_EQ(memcmp(before, edgecc_context_input_buffer(run.get(), 1), sizeof before), 0);
}

TEST_F(Runtime, ErrorsOfTheCompiledCodeBecomeStatuses) {
  ModelPtr model = load();
  ContextPtr run = context(model);
  Matrix x = {};
  const float state[4] = {};
  EXPECT_EQ(edgecc_context_run(run.get()), EDGECC_ERROR_NOT_SET);
  EXPECT_THAT(edgecc_context_error(run.get()), HasSubstr("'x'"));
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  x.values[0] = 1e30f;
  EXPECT_EQ(edgecc_context_run(run.get()), EDGECC_ERROR_INDEX);
  x.values[0] = 2e30f;
  EXPECT_EQ(edgecc_context_run(run.get()), EDGECC_ERROR_BOUND);
  EXPECT_THAT(edgecc_context_error(run.get()), HasSubstr("'positive'"));
  x.values[0] = 3e30f;
  EXPECT_EQ(edgecc_context_run(run.get()), EDGECC_ERROR_MALFORMED);
  x.values[0] = 0;
  EXPECT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
  EXPECT_EQ(edgecc_context_set_input(run.get(), 2, x.values, nullptr),
            EDGECC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(edgecc_context_set_input(run.get(), 0, nullptr, nullptr),
            EDGECC_ERROR_INVALID_ARGUMENT);
}

TEST_F(Runtime, ProfilesEachLayer) {
  ModelPtr model = load();
  ContextPtr run = context(model);
  Matrix x = exampleInput();
  const float state[4] = {};
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  edgecc_context_run(run.get()); // not counted
  edgecc_context_profile(run.get(), 1);
  for (int i = 0; i < 5; ++i)
    edgecc_context_run(run.get());
  for (uint32_t layer = 0; layer < 2; ++layer) {
    edgecc_layer_profile profile;
    ASSERT_EQ(edgecc_context_layer_profile(run.get(), layer, &profile, sizeof profile), EDGECC_OK);
    EXPECT_EQ(profile.count, 5u);
    EXPECT_LE(profile.min_ns * 5, profile.total_ns);
    EXPECT_LT(profile.total_ns, 1000000000u);
  }
}

struct CountingPool {
  std::atomic<int> regions{0};
  std::set<uint32_t> threads;
};

void runOnPool(void *user, uint32_t numThreads, edgecc_task_fn task, void *frame, uint32_t count) {
  auto *pool = static_cast<CountingPool *>(user);
  ++pool->regions;
  for (uint32_t t = numThreads; t-- > 0;) { // any order will do
    pool->threads.insert(t);
    task(frame, uint32_t(uint64_t(count) * t / numThreads),
         uint32_t(uint64_t(count) * (t + 1) / numThreads), t);
  }
}

TEST_F(Runtime, UsesTheCallersThreadPool) {
  ModelPtr model = load();
  CountingPool pool;
  edgecc_thread_pool callbacks = {runOnPool, &pool};
  ContextPtr run = context(model, 4, &callbacks);
  Matrix x = exampleInput();
  const float state[4] = {};
  Matrix expected = expectedY(x, state);
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
  EXPECT_EQ(memcmp(edgecc_context_output(run.get(), 0), &expected, sizeof expected.values), 0);
  EXPECT_EQ(pool.regions, 1);
  EXPECT_EQ(pool.threads.size(), 4u);
}

TEST_F(Runtime, CompiledCodeRunsUnderDefaultArithmeticAndTheCallersModeIsRestored) {
#if defined(__x86_64__)
  ModelPtr model = load();
  ContextPtr run = context(model);
  Matrix x = {};
  x.values[0] = 1e-40f; // subnormal: lost if the caller's flush-to-zero reached the code
  const float state[4] = {};
  edgecc_context_set_input(run.get(), 0, x.values, nullptr);
  edgecc_context_set_input(run.get(), 1, state, nullptr);
  unsigned saved = __builtin_ia32_stmxcsr();
  unsigned flushing = saved | 0x8040;
  __builtin_ia32_ldmxcsr(flushing);
  edgecc_status status = edgecc_context_run(run.get());
  unsigned after = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(saved);
  EXPECT_EQ(status, EDGECC_OK);
  EXPECT_EQ(after & 0x8040u, 0x8040u);
  EXPECT_EQ(static_cast<const float *>(edgecc_context_output(run.get(), 0))[0], 1e-40f * 2);
#else
  GTEST_SKIP() << "the control register is read with x86 builtins";
#endif
}

} // namespace
