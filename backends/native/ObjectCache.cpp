#include "backends/native/ObjectCache.h"

#include <cstring>
#include <dlfcn.h>
#include <fmt/format.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/Support/CachePruning.h>
#include <llvm/Support/Error.h>
#include <llvm/Support/FileSystem.h>
#include <llvm/Support/MemoryBuffer.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Support/xxhash.h>

namespace edgecc::native {

namespace {

constexpr size_t kMaxBytesInMemory = size_t{64} << 20;
constexpr uint64_t kMaxBytesOnDisk = uint64_t{1} << 30;

uint64_t hashOf(std::string_view text) { return llvm::xxh3_64bits(llvm::StringRef(text)); }

// Code changes with every build of the compiler, not only with its version: the file that holds
// this function tells them apart.
std::string identityOfThisBuild() {
  Dl_info info{};
  std::string file;
  if (dladdr(reinterpret_cast<const void *>(&identityOfThisBuild), &info) != 0)
    file = info.dli_fname;
  std::error_code status;
  // A program started through PATH is named as it was typed.
  std::filesystem::path path =
      std::filesystem::exists(file, status) ? std::filesystem::path(file) : "/proc/self/exe";
  auto size = std::filesystem::file_size(path, status);
  auto time = std::filesystem::last_write_time(path, status).time_since_epoch().count();
  return fmt::format("{} {} {}", LLVM_VERSION_STRING, size, time);
}

} // namespace

Expected<std::unique_ptr<ObjectCache>> ObjectCache::open(const std::filesystem::path &folder) {
  std::error_code status;
  std::filesystem::create_directories(folder, status);
  if (!std::filesystem::is_directory(folder, status))
    return error("this is no folder and cannot be made one", folder.string(),
                 "--cache names the folder that compiled kernels are kept in");
  auto cache = std::make_unique<ObjectCache>();
  cache->folder_ = folder;
  cache->compiler_ = identityOfThisBuild();
  return cache;
}

ObjectCache::~ObjectCache() {
  if (folder_.empty())
    return;
  llvm::CachePruningPolicy policy;
  policy.MaxSizeBytes = kMaxBytesOnDisk;
  policy.MaxSizePercentageOfAvailableSpace = 0;
  llvm::pruneCache(folder_.string(), policy);
}

std::string ObjectCache::keyOn(const NativeTarget &target, const std::string &key) {
  return fmt::format("{} {} {}\n{}", target.triple, target.cpu, target.featureString(), key);
}

std::vector<std::byte> ObjectCache::find(const std::string &key) {
  {
    std::lock_guard lock(mutex_);
    if (auto entry = objects_.find(key); entry != objects_.end()) {
      ++hits_;
      return entry->second;
    }
  }
  if (folder_.empty())
    return {};
  std::vector<std::byte> object = read(key);
  if (!object.empty()) {
    ++hits_;
    remember(key, object);
  }
  return object;
}

void ObjectCache::add(const std::string &key, const std::vector<std::byte> &object) {
  remember(key, object);
  if (!folder_.empty())
    write(key, object);
}

void ObjectCache::remember(const std::string &key, const std::vector<std::byte> &object) {
  std::lock_guard lock(mutex_);
  if (size_t size = key.size() + object.size(); bytes_ + size <= kMaxBytesInMemory)
    bytes_ += objects_.try_emplace(key, object).second ? size : 0;
}

// The prefix is what LLVM's pruning looks for.
std::filesystem::path ObjectCache::fileOf(const std::string &key) const {
  return folder_ /
         fmt::format("llvmcache-{:016x}{:016x}", hashOf(compiler_ + key), hashOf(key + compiler_));
}

// A file is the object, then the hash of the key and of the object, 8 bytes each.
std::vector<std::byte> ObjectCache::read(const std::string &key) const {
  auto file = llvm::MemoryBuffer::getFile(fileOf(key).string(), /*IsText=*/false,
                                          /*RequiresNullTerminator=*/false);
  if (!file)
    return {};
  llvm::StringRef bytes = (*file)->getBuffer();
  uint64_t hashes[2];
  if (bytes.size() < sizeof hashes)
    return {};
  llvm::StringRef object = bytes.drop_back(sizeof hashes);
  std::memcpy(hashes, object.end(), sizeof hashes);
  if (hashes[0] != hashOf(compiler_ + key) || hashes[1] != llvm::xxh3_64bits(object))
    return {};
  auto *begin = reinterpret_cast<const std::byte *>(object.begin());
  return {begin, begin + object.size()};
}

// A cache that cannot be written (a full disk) is one that finds less; the compile does not fail.
void ObjectCache::write(const std::string &key, const std::vector<std::byte> &object) const {
  std::string path = fileOf(key).string();
  auto file = llvm::sys::fs::TempFile::create(path + "-%%%%%%.tmp");
  if (!file) {
    llvm::consumeError(file.takeError());
    return;
  }
  llvm::StringRef bytes(reinterpret_cast<const char *>(object.data()), object.size());
  uint64_t hashes[2] = {hashOf(compiler_ + key), llvm::xxh3_64bits(bytes)};
  llvm::raw_fd_ostream out(file->FD, /*shouldClose=*/false);
  out << bytes;
  out.write(reinterpret_cast<const char *>(hashes), sizeof hashes);
  out.flush();
  bool written = !out.has_error();
  out.clear_error();
  llvm::consumeError(written ? file->keep(path) : file->discard());
}

} // namespace edgecc::native
