// SPDX-License-Identifier: Apache-2.0
//
// The C API, driven with a hand-made model (flat_model.c).
#include "edgecc/runtime.h"
#include "tests/unit/runtime/FlatModel.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <set>
#include <thread>
#include <unistd.h>
#include <vector>

using edgecc::test::FlatModel;
using edgecc::test::kFlatWeights;
using testing::HasSubstr;

namespace {

using ModelPtr = std::unique_ptr<edgecc_model, decltype(&edgecc_model_destroy)>;
using ContextPtr = std::unique_ptr<edgecc_context, decltype(&edgecc_context_destroy)>;

struct alignas(64) Matrix {
  float values[24];
};

Matrix exampleInput() {
  Matrix x;
  for (int i = 0; i < 24; ++i)
    x.values[i] = 0.37f * float(i) - 3;
  return x;
}

Matrix expectedY(const Matrix &x, const float *state) {
  Matrix y;
  for (int i = 0; i < 24; ++i)
    y.values[i] = x.values[i] * kFlatWeights[i % 4] + state[i % 4];
  return y;
}

class Runtime : public testing::Test {
protected:
  void SetUp() override {
    const char *test = testing::UnitTest::GetInstance()->current_test_info()->name();
    path_ = testing::TempDir() + "runtime_test_" + test + ".blob";
  }
  void TearDown() override { std::filesystem::remove(path_); }

  edgecc_status tryLoad(edgecc_model **model) {
    EXPECT_EQ(edgecc::blob::writeBlobFile(path_, flat_.contents), "");
    return edgecc_model_load_file(path_.c_str(), nullptr, model, &error_);
  }
  ModelPtr load() {
    edgecc_model *model = nullptr;
    EXPECT_EQ(tryLoad(&model), EDGECC_OK) << error_.text;
    return {model, edgecc_model_destroy};
  }
  ContextPtr context(const ModelPtr &model, uint32_t threads = 1,
                     const edgecc_thread_pool *pool = nullptr) {
    edgecc_context_options options = {};
    options.struct_size = sizeof options;
    options.num_threads = threads;
    options.thread_pool = pool;
    edgecc_context *created = nullptr;
    EXPECT_EQ(edgecc_context_create(model.get(), &options, &created, &error_), EDGECC_OK)
        << error_.text;
    return {created, edgecc_context_destroy};
  }

  FlatModel flat_;
  std::string path_;
  edgecc_error error_ = {};
};

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

TEST_F(Runtime, DescribesInputsOutputsAndLayers) {
  ModelPtr model = load();
  EXPECT_STREQ(edgecc_model_name(model.get()), "flat");
  EXPECT_STREQ(edgecc_model_producer(model.get()), "edgecc test");
  ASSERT_EQ(edgecc_model_input_count(model.get()), 2u);
  edgecc_tensor_info info;
  ASSERT_EQ(edgecc_model_input(model.get(), 0, &info, sizeof info), EDGECC_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.type, EDGECC_F32);
  EXPECT_EQ(info.rank, 2u);
  EXPECT_EQ(info.dims[1], 4);
  EXPECT_EQ(info.bytes, 96u);
  EXPECT_EQ(info.quantization.count, 4u);
  EXPECT_EQ(info.quantization.axis, 1);
  EXPECT_EQ(info.quantization.scales[3], 2.0f);
  EXPECT_EQ(info.quantization.zero_points[0], 1);
  EXPECT_STREQ(info.preprocessing.channel_order, "RGB");
  EXPECT_EQ(info.preprocessing.mean_count, 3u);
  EXPECT_EQ(info.preprocessing.scale[2], 6.0f);
  EXPECT_EQ(info.preprocessing.compiled_in, 1);
  ASSERT_EQ(edgecc_model_output(model.get(), 2, &info, sizeof info), EDGECC_OK);
  EXPECT_EQ(info.dynamic, 1);
  EXPECT_EQ(info.quantization.count, 0u);
  EXPECT_EQ(edgecc_model_output(model.get(), 3, &info, sizeof info), EDGECC_ERROR_INVALID_ARGUMENT);
  EXPECT_EQ(edgecc_model_find_input(model.get(), "state"), 1);
  EXPECT_EQ(edgecc_model_find_output(model.get(), "state"), -1);
  edgecc_layer_info layer;
  ASSERT_EQ(edgecc_model_layer(model.get(), 1, &layer, sizeof layer), EDGECC_OK);
  EXPECT_STREQ(layer.op, "ReduceSum 4");
  EXPECT_EQ(layer.kind, EDGECC_LAYER_SCALAR_LOOP);
  EXPECT_EQ(layer.bytes, 112u);
  EXPECT_STREQ(edgecc_model_layer_node(model.get(), 0, 1), "add");
  EXPECT_EQ(edgecc_model_layer_node(model.get(), 0, 2), nullptr);
  EXPECT_EQ(edgecc_model_weights_size(model.get()), sizeof kFlatWeights);
  EXPECT_EQ(edgecc_model_arena_size(model.get(), 3), 64u + 3 * 64);
}

TEST_F(Runtime, FillsOnlyTheFieldsThatAnOlderCallerKnows) {
  ModelPtr model = load();
  edgecc_tensor_info info;
  memset(&info, 0x5a, sizeof info);
  ASSERT_EQ(edgecc_model_input(model.get(), 0, &info, offsetof(edgecc_tensor_info, type)),
            EDGECC_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(memcmp(&info.type, "ZZZZ", 4), 0);
}

TEST_F(Runtime, LoadsFromMemoryAlignedOrNot) {
  std::string blob = edgecc::blob::writeBlob(flat_.contents);
  Matrix x = exampleInput();
  const float state[4] = {5, 6, 7, 8};
  Matrix expected = expectedY(x, state);
  for (size_t shift : {0, 1, 7}) {
    std::vector<uint8_t> memory(blob.size() + 128);
    uint8_t *start = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) + shift;
    memcpy(start, blob.data(), blob.size());
    edgecc_model *loaded = nullptr;
    ASSERT_EQ(edgecc_model_load_memory(start, blob.size(), nullptr, &loaded, &error_), EDGECC_OK)
        << error_.text;
    ModelPtr model(loaded, edgecc_model_destroy);
    ContextPtr run = context(model);
    edgecc_context_set_input(run.get(), 0, x.values, nullptr);
    edgecc_context_set_input(run.get(), 1, state, nullptr);
    ASSERT_EQ(edgecc_context_run(run.get()), EDGECC_OK);
    EXPECT_EQ(memcmp(edgecc_context_output(run.get(), 0), &expected, sizeof expected.values), 0);
    EXPECT_EQ(edgecc_model_verify(model.get(), &error_), EDGECC_OK);
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

struct CountingHeap {
  size_t live = 0, blocks = 0, allowed = SIZE_MAX;
};

void *countingAllocate(void *user, size_t bytes, size_t alignment) {
  auto *heap = static_cast<CountingHeap *>(user);
  if (heap->blocks >= heap->allowed || bytes > size_t(1) << 30)
    return nullptr;
  ++heap->blocks;
  heap->live += bytes;
  void *memory = nullptr;
  return posix_memalign(&memory, alignment, bytes) == 0 ? memory : nullptr;
}

void countingRelease(void *user, void *memory, size_t bytes) {
  static_cast<CountingHeap *>(user)->live -= bytes;
  free(memory);
}

TEST_F(Runtime, UsesTheCallersAllocatorAndReturnsEverything) {
  ASSERT_EQ(edgecc::blob::writeBlobFile(path_, flat_.contents), "");
  for (size_t allowed = 0;; ++allowed) { // every allocation fails once
    CountingHeap heap;
    heap.allowed = allowed;
    edgecc_allocator allocator = {countingAllocate, countingRelease, &heap};
    edgecc_model_options options = {sizeof options, &allocator};
    edgecc_model *model = nullptr;
    edgecc_context *run = nullptr;
    edgecc_status status = edgecc_model_load_file(path_.c_str(), &options, &model, &error_);
    if (!status)
      status = edgecc_context_create(model, nullptr, &run, &error_);
    if (!status) {
      size_t blocks = heap.blocks;
      edgecc_context_input_buffer(run, 0);
      edgecc_context_input_buffer(run, 1);
      memset(edgecc_context_input_buffer(run, 0), 0, 96);
      EXPECT_EQ(edgecc_context_run(run), EDGECC_OK);
      EXPECT_EQ(heap.blocks, blocks) << "a run must not allocate";
    }
    edgecc_context_destroy(run);
    edgecc_model_destroy(model);
    EXPECT_EQ(heap.live, 0u);
    if (!status) {
      EXPECT_GE(allowed, 4u);
      break;
    }
    EXPECT_EQ(status, EDGECC_ERROR_NO_MEMORY);
    EXPECT_NE(error_.text[0], '\0');
  }
}

TEST_F(Runtime, RefusesCodeForAnotherArchitecture) {
  using edgecc::blob::Arch;
  flat_.contents.variants[0].arch =
      edgecc::test::hostArch() == Arch::RiscV64 ? Arch::AArch64 : Arch::RiscV64;
  edgecc_model *model = nullptr;
  EXPECT_EQ(tryLoad(&model), EDGECC_ERROR_WRONG_TARGET);
  EXPECT_EQ(model, nullptr);
  EXPECT_THAT(error_.text, HasSubstr("--target"));
}

TEST_F(Runtime, RefusesFeaturesThatTheCpuLacks) {
  flat_.contents.variants[0].features = {"no-such-feature"};
  edgecc_model *model = nullptr;
  EXPECT_EQ(tryLoad(&model), EDGECC_ERROR_CPU_FEATURE);
  EXPECT_THAT(error_.text, HasSubstr("no-such-feature"));
}

TEST_F(Runtime, TakesTheFirstVariantThatTheCpuCanRun) {
  auto fallback = flat_.contents.variants[0];
  flat_.contents.variants[0].features = {"no-such-feature"};
  flat_.contents.variants[0].cpu = "tomorrow";
  fallback.cpu = "fallback";
#if defined(__x86_64__)
  fallback.features = {"sse2", "64bit"};
#elif defined(__aarch64__)
  fallback.features = {"neon"};
#endif
  flat_.contents.variants.push_back(fallback);
  ModelPtr model = load();
  EXPECT_STREQ(edgecc_model_cpu(model.get()), "fallback");
}

#if defined(__x86_64__)
TEST_F(Runtime, KnowsTheFeaturesThatTheCompilersBuiltinKnows) {
  auto loads = [&](const char *feature) {
    flat_.contents.variants[0].features = {feature};
    edgecc_model *model = nullptr;
    edgecc_status status = tryLoad(&model);
    edgecc_model_destroy(model);
    return status == EDGECC_OK;
  };
  EXPECT_EQ(loads("avx2"), bool(__builtin_cpu_supports("avx2")));
  EXPECT_EQ(loads("fma"), bool(__builtin_cpu_supports("fma")));
  EXPECT_EQ(loads("avx512f"), bool(__builtin_cpu_supports("avx512f")));
  EXPECT_EQ(loads("avx512vnni"), bool(__builtin_cpu_supports("avx512vnni")));
  EXPECT_EQ(loads("avx512bf16"), bool(__builtin_cpu_supports("avx512bf16")));
}
#endif

TEST_F(Runtime, RefusesCodeOfAnotherCallingConvention) {
  flat_.contents.variants[0].entries[0].abiVersion = EDGECC_ABI_VERSION + 1;
  edgecc_model *model = nullptr;
  EXPECT_EQ(tryLoad(&model), EDGECC_ERROR_VERSION);
}

TEST_F(Runtime, RefusesMissingAndForeignFiles) {
  edgecc_model *model = nullptr;
  EXPECT_EQ(edgecc_model_load_file("/nonexistent", nullptr, &model, &error_), EDGECC_ERROR_IO);
  EXPECT_THAT(error_.text, HasSubstr("No such file"));
  EXPECT_EQ(edgecc_model_load_file("/tmp", nullptr, &model, &error_), EDGECC_ERROR_IO);
  EXPECT_EQ(edgecc_model_load_file("/proc/self/exe", nullptr, &model, &error_),
            EDGECC_ERROR_NOT_A_BLOB);
  EXPECT_EQ(edgecc_model_load_file(nullptr, nullptr, &model, nullptr),
            EDGECC_ERROR_INVALID_ARGUMENT);
}

TEST_F(Runtime, NoticesDamagedCodeAtLoadAndDamagedWeightsWhenAsked) {
  std::string blob = edgecc::blob::writeBlob(flat_.contents);
  size_t code = blob.find(flat_.code), weights = blob.rfind(flat_.weights);
  ASSERT_NE(code, std::string::npos);
  edgecc_model *model = nullptr;
  blob[weights] ^= 1;
  ASSERT_EQ(edgecc_model_load_memory(blob.data(), blob.size(), nullptr, &model, &error_),
            EDGECC_OK);
  EXPECT_EQ(edgecc_model_verify(model, &error_), EDGECC_ERROR_DAMAGED);
  edgecc_model_destroy(model);
  blob[code + 10] ^= 1;
  EXPECT_EQ(edgecc_model_load_memory(blob.data(), blob.size(), nullptr, &model, &error_),
            EDGECC_ERROR_DAMAGED);
}

TEST_F(Runtime, TruncatedFilesAreRefused) {
  std::string blob = edgecc::blob::writeBlob(flat_.contents);
  for (size_t size = 0; size < blob.size(); size += size < 3000 ? 1 : 997) {
    edgecc_model *model = nullptr;
    ASSERT_NE(edgecc_model_load_memory(blob.data(), size, nullptr, &model, &error_), EDGECC_OK);
    ASSERT_EQ(model, nullptr);
  }
}

TEST_F(Runtime, AnAbsurdArenaIsAnErrorNotACrash) {
  flat_.contents.variants[0].threadScratchBytes = uint64_t(1) << 46;
  ASSERT_EQ(edgecc::blob::writeBlobFile(path_, flat_.contents), "");
  CountingHeap heap; // refuses what malloc would refuse; sanitizers' malloc aborts instead
  edgecc_allocator allocator = {countingAllocate, countingRelease, &heap};
  edgecc_model_options modelOptions = {sizeof modelOptions, &allocator};
  edgecc_model *loaded = nullptr;
  ASSERT_EQ(edgecc_model_load_file(path_.c_str(), &modelOptions, &loaded, &error_), EDGECC_OK);
  ModelPtr model(loaded, edgecc_model_destroy);
  edgecc_context_options options = {};
  options.struct_size = sizeof options;
  options.num_threads = 256;
  edgecc_context *run = nullptr;
  EXPECT_EQ(edgecc_context_create(model.get(), &options, &run, &error_), EDGECC_ERROR_NO_MEMORY);
  EXPECT_THAT(error_.text, HasSubstr("arena"));
  options.num_threads = 257;
  EXPECT_EQ(edgecc_context_create(model.get(), &options, &run, &error_),
            EDGECC_ERROR_INVALID_ARGUMENT);
}

TEST_F(Runtime, WritesThePerfMapWhenAsked) {
  std::string map = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  std::filesystem::remove(map);
  load();
  EXPECT_FALSE(std::filesystem::exists(map));
  setenv("EDGECC_PERF_MAP", "1", 1);
  load();
  unsetenv("EDGECC_PERF_MAP");
  EXPECT_THAT(edgecc::test::readFile(map), HasSubstr(" 10 model_run\n"));
  std::filesystem::remove(map);
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

TEST(RuntimeStrings, EveryStatusAndTypeHasAName) {
  std::set<std::string> names;
  for (int status = EDGECC_OK; status <= EDGECC_ERROR_THREAD; ++status)
    names.insert(edgecc_status_string(edgecc_status(status)));
  EXPECT_EQ(names.size(), size_t(EDGECC_ERROR_THREAD) + 1);
  EXPECT_EQ(names.count("unknown status"), 0u);
  EXPECT_STREQ(edgecc_type_name(EDGECC_F32), "f32");
  EXPECT_STREQ(edgecc_type_name(EDGECC_F8E8M0), "f8e8m0");
  EXPECT_STREQ(edgecc_type_name(edgecc_type(31)), "invalid");
  EXPECT_EQ(edgecc_type_bits(EDGECC_U4), 4u);
  EXPECT_EQ(edgecc_abi_version(), EDGECC_ABI_VERSION);
}

} // namespace
