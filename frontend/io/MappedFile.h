// Read-only view of a whole file.
#pragma once

#include "ir/Diagnostic.h"

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>

namespace edgecc {

// Maps the file instead of reading it, so that weights cost no memory until they are touched. The
// bytes live as long as the object. A file that is truncated while it is mapped faults on access,
// as any mapping does.
class MappedFile {
public:
  static Expected<std::shared_ptr<const MappedFile>> open(const std::filesystem::path &path);
  ~MappedFile();
  MappedFile(const MappedFile &) = delete;
  MappedFile &operator=(const MappedFile &) = delete;

  std::span<const std::byte> bytes() const { return {data_, size_}; }

private:
  MappedFile(const std::byte *data, size_t size) : data_(data), size_(size) {}
  const std::byte *data_;
  size_t size_;
};

// Writes beside `path` and renames, so that no half-written file is ever seen under that name.
// Signals that end the program wait meanwhile.
Expected<void> writeFile(const std::filesystem::path &path, std::span<const std::byte> bytes);

} // namespace edgecc
