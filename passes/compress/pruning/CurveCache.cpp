#include "passes/compress/pruning/CurveCache.h"

#include "ir/Text.h"

namespace edgecc::pruning {

uint64_t CurveCache::keyOf(const Function &function, Criterion criterion, size_t samples) {
  uint64_t key = samples * 8 + static_cast<uint64_t>(criterion);
  auto add = [&](std::string_view bytes) {
    key = key * 0x9E3779B97F4A7C15ull ^ std::hash<std::string_view>()(bytes);
  };
  for (const auto &op : function.body.ops()) {
    add(print(*op));
    if (op->parameter)
      add({reinterpret_cast<const char *>(op->parameter->content.raw()),
           op->parameter->content.bytes()});
  }
  return key;
}

const std::vector<Curve> *CurveCache::find(uint64_t key) const {
  auto entry = curves_.find(key);
  return entry == curves_.end() ? nullptr : &entry->second;
}

} // namespace edgecc::pruning
