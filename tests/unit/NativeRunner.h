// Compiles a function natively and calls it in this process. For tests of kernel families: the
// caller sets every value's storage.
#pragma once

#include "backends/native/Native.h"
#include "runtime/include/edgecc/abi.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <sys/mman.h>

namespace edgecc::test {

// A dense buffer for `bytes`, 64-byte aligned, zero-filled.
class Buffer {
public:
  explicit Buffer(size_t bytes) : size_(bytes) {
    size_t padded = (bytes + 63) / 64 * 64 + 64;
    data_.reset(static_cast<std::byte *>(std::aligned_alloc(64, padded)));
    std::memset(data_.get(), 0, padded);
  }
  std::byte *data() const { return data_.get(); }
  size_t size() const { return size_; }
  template <class T> T *as() const { return reinterpret_cast<T *>(data_.get()); }

private:
  struct Free {
    void operator()(std::byte *pointer) const { std::free(pointer); }
  };
  std::unique_ptr<std::byte, Free> data_;
  size_t size_;
};

// The machine code of a function, mapped executable. Runs on the calling thread.
class NativeRunner {
public:
  // Aborts the test program with the diagnostics if compilation fails.
  NativeRunner(const Function &function, const native::NativeTarget &target,
               const native::CodegenOptions &options = {}) {
    auto code = native::generateCode(function, target, options);
    if (!code)
      die(str(code.error()));
    auto image = native::linkImage(*code);
    if (!image)
      die(str(image.error()));
    size_ = image->bytes.size();
    base_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base_ == MAP_FAILED)
      die("mmap failed");
    std::memcpy(base_, image->bytes.data(), size_);
    if (mprotect(base_, size_, PROT_READ | PROT_EXEC) != 0)
      die("mprotect failed");
    entry_ = reinterpret_cast<edgecc_entry_fn>(static_cast<std::byte *>(base_) + image->entry);
    weights_ = std::make_unique<Buffer>(code->weights.size());
    std::memcpy(weights_->data(), code->weights.data(), code->weights.size());
    arena_ = std::make_unique<Buffer>(
        static_cast<size_t>(code->arenaBytes + kMaxThreads * code->scratchBytesPerThread));
  }
  NativeRunner(const NativeRunner &) = delete;
  NativeRunner &operator=(const NativeRunner &) = delete;
  ~NativeRunner() { munmap(base_, size_); }

  static constexpr uint32_t kMaxThreads = 4;

  // One pointer for each input and output of the function; returns the entry function's status.
  // The work of several threads runs on the calling one, the last thread's first.
  int32_t run(const std::vector<const void *> &inputs, const std::vector<void *> &outputs,
              uint32_t threads = 1) const {
    edgecc_call_context context{};
    context.abi_version = EDGECC_ABI_VERSION;
    context.num_threads = threads;
    context.parallel_for = runBackwards;
    context.user = &context;
    context.inputs = inputs.data();
    context.outputs = outputs.data();
    context.weights = weights_->data();
    context.arena = arena_->data();
    return entry_(&context);
  }

private:
  static void runBackwards(void *user, edgecc_task_fn task, void *frame, uint32_t count) {
    uint32_t threads = static_cast<const edgecc_call_context *>(user)->num_threads;
    for (uint32_t t = threads; t-- > 0;)
      task(frame, count * t / threads, count * (t + 1) / threads, t);
  }

  [[noreturn]] static void die(const std::string &message) {
    std::fprintf(stderr, "%s\n", message.c_str());
    std::abort();
  }

  void *base_ = nullptr;
  size_t size_ = 0;
  edgecc_entry_fn entry_ = nullptr;
  std::unique_ptr<Buffer> weights_, arena_;
};

} // namespace edgecc::test
