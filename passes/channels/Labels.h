// A label for each element of a value, where the labels differ along a few axes only: which channel
// class an element belongs to, followed through movement and broadcasting by the ops' index maps.
#pragma once

#include "ir/IndexMap.h"
#include "ir/Op.h"

#include <functional>

namespace edgecc {

// Row-major over `extents`: the value's dims, with 1 along axes that the labels do not depend on.
struct Labels {
  Dims extents;
  std::vector<uint32_t> ids;

  static Labels all(size_t rank, uint32_t id) { return {Dims(rank, 1), {id}}; }
  // ids[c] along `axis`.
  static Labels along(size_t rank, unsigned axis, std::vector<uint32_t> ids);

  bool uniform() const { return ids.size() == 1; }
  // The only axis along which the labels differ; none if there are several, or none at all.
  std::optional<unsigned> axis() const;
  // The label of channel `c` along the axis that axis() returned, or of every channel.
  uint32_t at(int64_t c) const { return ids[uniform() ? 0 : static_cast<size_t>(c)]; }
  // The same labels with other extents that these broadcast to.
  Labels broadcast(const Dims &to) const;
};

// More labels than this are not followed.
inline constexpr int64_t kMaxLabels = 1 << 22;

// The labels of `op`'s first result, each of whose elements depends on elements of operand `i` with
// one label only. None where that does not hold: an axis with labels is reduced, padded or mixed.
std::optional<Labels> labelsThrough(const Op &op, unsigned i, const Labels &operand);

// The labels of a Concat along its axis.
std::optional<Labels> concatenated(const Op &concat, const std::vector<const Labels *> &operands);

} // namespace edgecc
