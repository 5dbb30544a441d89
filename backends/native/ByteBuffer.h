// Bytes that grow in place: the packed weights of a large model, held once.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

namespace edgecc::native {

// A vector of bytes on top of realloc, which moves the pages of a large block instead of copying
// them, so that growing never holds the contents twice. Move-only.
class ByteBuffer {
public:
  ByteBuffer() = default;
  ByteBuffer(ByteBuffer &&other) noexcept { swap(other); }
  ByteBuffer &operator=(ByteBuffer &&other) noexcept {
    swap(other);
    return *this;
  }
  ~ByteBuffer() { std::free(data_); }

  size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  std::byte *data() { return data_; }
  const std::byte *data() const { return data_; }
  std::byte *begin() { return data_; }
  std::byte *end() { return data_ + size_; }
  const std::byte *begin() const { return data_; }
  const std::byte *end() const { return data_ + size_; }

  // New bytes are zero. Throws std::bad_alloc.
  void resize(size_t size) {
    if (size > capacity_) {
      size_t capacity = size + size / 2;
      void *grown = std::realloc(data_, capacity);
      if (!grown)
        throw std::bad_alloc();
      data_ = static_cast<std::byte *>(grown);
      capacity_ = capacity;
    }
    if (size > size_)
      std::memset(data_ + size_, 0, size - size_);
    size_ = size;
  }

private:
  void swap(ByteBuffer &other) {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(capacity_, other.capacity_);
  }

  std::byte *data_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

} // namespace edgecc::native
