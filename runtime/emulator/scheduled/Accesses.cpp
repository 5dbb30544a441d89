// SPDX-License-Identifier: Apache-2.0
#include "runtime/emulator/scheduled/Accesses.h"

#include <algorithm>

namespace edgecc::emulator {

void forEachPiece(const ViewT &view, uint64_t address, const std::function<void(ByteSpan)> &visit,
                  uint64_t most) {
  struct Axis {
    int64_t extent, stride;
  };
  uint64_t bits = bitsOf(view.type);
  int64_t first = view.offset;
  std::vector<Axis> axes;
  for (size_t i = 0; i < view.dims.size(); ++i) {
    if (view.dims[i] <= 1 || view.strides[i] == 0)
      continue;
    if (view.strides[i] < 0) // the same bytes from the other end
      first += (view.dims[i] - 1) * view.strides[i];
    axes.push_back({view.dims[i], std::abs(view.strides[i])});
  }
  std::ranges::sort(axes, {}, &Axis::stride);
  int64_t length = 1; // of a piece, in units of the strides
  if (bits != 4)
    length = static_cast<int64_t>(bits / 8);
  uint64_t pieces = 1;
  for (const Axis &axis : axes)
    pieces = std::min(pieces * static_cast<uint64_t>(axis.extent), uint64_t{1} << 40);
  size_t merged = 0; // from the innermost axis on: what is contiguous, then what must be
  while (merged < axes.size() && (axes[merged].stride <= length || pieces > most)) {
    length += (axes[merged].extent - 1) * axes[merged].stride;
    pieces = std::max<uint64_t>(pieces / static_cast<uint64_t>(axes[merged].extent), 1);
    ++merged;
  }
  axes.erase(axes.begin(), axes.begin() + static_cast<std::ptrdiff_t>(merged));
  auto emit = [&](int64_t start) {
    auto begin = static_cast<uint64_t>(start), end = static_cast<uint64_t>(start + length);
    if (bits == 4)
      visit({address + begin / 2, address + (end + 1) / 2});
    else
      visit({address + begin, address + end});
  };
  std::vector<int64_t> index(axes.size(), 0);
  int64_t start = first;
  for (;;) {
    emit(start);
    size_t axis = 0;
    while (axis < axes.size() && ++index[axis] == axes[axis].extent) {
      start -= (axes[axis].extent - 1) * axes[axis].stride;
      index[axis++] = 0;
    }
    if (axis == axes.size())
      return;
    start += axes[axis].stride;
  }
}

std::map<uint64_t, AccessHistory::Part>::iterator AccessHistory::split(uint64_t at) {
  auto next = parts_.lower_bound(at);
  if (next != parts_.begin()) {
    auto part = std::prev(next);
    if (part->second.end > at) {
      Part upper = part->second;
      part->second.end = at;
      return parts_.emplace_hint(next, at, std::move(upper));
    }
  }
  return next;
}

void AccessHistory::read(ByteSpan bytes, const Access &access,
                         const std::function<void(const Access &, ByteSpan)> &onWriter) {
  auto part = split(bytes.begin);
  split(bytes.end);
  for (uint64_t at = bytes.begin; at < bytes.end;) {
    if (part == parts_.end() || part->first > at) { // a gap
      Part gap;
      gap.end = std::min(part == parts_.end() ? bytes.end : part->first, bytes.end);
      part = parts_.emplace_hint(part, at, std::move(gap));
    }
    onWriter(part->second.writer, {at, part->second.end});
    auto &readers = part->second.readers;
    auto same = std::ranges::find(readers, access.queue, &Access::queue);
    if (same == readers.end())
      readers.push_back(access);
    else
      *same = access;
    at = part->second.end;
    ++part;
  }
}

void AccessHistory::write(ByteSpan bytes, const Access &access,
                          const std::function<void(const Access &, ByteSpan)> &onEarlier) {
  auto part = split(bytes.begin);
  split(bytes.end);
  while (part != parts_.end() && part->first < bytes.end) {
    ByteSpan span{part->first, part->second.end};
    if (part->second.writer.instruction != kNobody)
      onEarlier(part->second.writer, span);
    for (const Access &reader : part->second.readers)
      onEarlier(reader, span);
    part = parts_.erase(part);
  }
  parts_.emplace_hint(part, bytes.begin, Part{bytes.end, access, {}});
}

} // namespace edgecc::emulator
