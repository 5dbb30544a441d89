// SPDX-License-Identifier: Apache-2.0
//
// Models of the C API: loading, refusing, describing, verifying.
#include "runtime/blob/AtomicFile.h"
#include "tests/unit/runtime/RuntimeFixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <unistd.h>
#include <vector>

using namespace edgecc::test;
using testing::HasSubstr;

namespace {

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

TEST_F(Runtime, VerifiesFilesForOtherMachinesToo) {
  using edgecc::blob::Arch;
  auto foreign = flat_.contents.variants[0];
  foreign.arch = edgecc::test::hostArch() == Arch::RiscV64 ? Arch::AArch64 : Arch::RiscV64;
  std::string foreignCode = "code of another machine";
  foreign.code = foreignCode;
  foreign.segments[0].size = foreignCode.size();
  foreign.symbols.clear();
  flat_.contents.variants = {foreign};
  ASSERT_EQ(edgecc::blob::writeBlobFile(path_, flat_.contents), "");
  EXPECT_EQ(edgecc_verify_file(path_.c_str(), &error_), EDGECC_OK) << error_.text;
  std::string bytes = edgecc::test::readFile(path_);
  for (const std::string &part : {foreignCode, flat_.weights}) {
    std::string damaged = bytes;
    damaged[bytes.rfind(part)] ^= 1;
    ASSERT_EQ(edgecc::blob::writeFileAtomically(path_, damaged), "");
    EXPECT_EQ(edgecc_verify_file(path_.c_str(), &error_), EDGECC_ERROR_DAMAGED);
    EXPECT_THAT(error_.text, HasSubstr(part == foreignCode ? "code" : "weights"));
  }
  EXPECT_EQ(edgecc_verify_file("/nonexistent", &error_), EDGECC_ERROR_IO);
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
