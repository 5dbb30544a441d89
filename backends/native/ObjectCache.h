// Objects of kernels that were compiled before.
#pragma once

#include "backends/native/Target.h"

#include <atomic>
#include <cstddef>
#include <filesystem>
#include <mutex>
#include <unordered_map>

namespace edgecc::native {

// Kernels differ by shapes, tiles and target, not by the contents of weights: a model whose weights
// changed, or another one with the same layers, finds its code here. In memory it holds at most 64
// MiB; in a folder, shared with later runs and other processes, about 1 GiB (looked at every 20
// minutes at most: what was not used for a week goes, and beyond that what was not used longest).
// What another build of the compiler wrote is not found, and neither is what was damaged. May be
// used by several threads at once.
class ObjectCache {
public:
  ObjectCache() = default; // in memory alone
  // Also in `folder`, which is made if need be.
  static Expected<std::unique_ptr<ObjectCache>> open(const std::filesystem::path &folder);
  ~ObjectCache();

  // What `key` stands for on one target.
  static std::string keyOn(const NativeTarget &target, const std::string &key);

  // Empty if there is none.
  std::vector<std::byte> find(const std::string &key);
  void add(const std::string &key, const std::vector<std::byte> &object);

  size_t hits() const { return hits_; }

private:
  std::vector<std::byte> read(const std::string &key) const;
  void write(const std::string &key, const std::vector<std::byte> &object) const;
  void remember(const std::string &key, const std::vector<std::byte> &object);
  std::filesystem::path fileOf(const std::string &key) const;

  std::filesystem::path folder_; // empty: none
  std::string compiler_;         // which build wrote the files
  std::mutex mutex_;
  std::unordered_map<std::string, std::vector<std::byte>> objects_;
  size_t bytes_ = 0;
  std::atomic<size_t> hits_{0};
};

} // namespace edgecc::native
