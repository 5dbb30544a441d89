#include "frontend/io/MappedFile.h"

#include "ir/DeferSignals.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace edgecc {

static tl::unexpected<Diagnostics> systemError(const char *action,
                                               const std::filesystem::path &path) {
  return error(std::string("cannot ") + action + " the file: " + std::strerror(errno),
               path.string());
}

Expected<std::shared_ptr<const MappedFile>> MappedFile::open(const std::filesystem::path &path) {
  int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return systemError("open", path);
  struct stat info{};
  if (::fstat(fd, &info) != 0) {
    auto result = systemError("examine", path);
    ::close(fd);
    return result;
  }
  if (!S_ISREG(info.st_mode)) {
    ::close(fd);
    return error("not a regular file", path.string());
  }
  auto size = static_cast<size_t>(info.st_size);
  void *data = nullptr;
  if (size > 0) {
    data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
      auto result = systemError("map", path);
      ::close(fd);
      return result;
    }
  }
  ::close(fd);
  return std::shared_ptr<const MappedFile>(
      new MappedFile(static_cast<const std::byte *>(data), size));
}

MappedFile::~MappedFile() {
  if (data_)
    ::munmap(const_cast<std::byte *>(data_), size_);
}

static bool writeTo(const std::filesystem::path &path, std::span<const std::byte> bytes) {
  std::FILE *file = std::fopen(path.c_str(), "wb");
  if (!file)
    return false;
  bool written = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  return (std::fclose(file) == 0) && written;
}

Expected<void> writeFile(const std::filesystem::path &path, std::span<const std::byte> bytes) {
  // A device or a pipe is written to: renaming would put a file in its place.
  struct stat info{};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    if (!writeTo(path, bytes))
      return systemError("write", path);
    return {};
  }
  DeferSignals deferred;
  std::filesystem::path temporary = path;
  temporary += ".tmp" + std::to_string(::getpid());
  if (!writeTo(temporary, bytes) || std::rename(temporary.c_str(), path.c_str()) != 0) {
    auto result = systemError("write", path);
    ::unlink(temporary.c_str());
    return result;
  }
  return {};
}

} // namespace edgecc
