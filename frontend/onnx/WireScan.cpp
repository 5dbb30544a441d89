// Wire format: https://protobuf.dev/programming-guides/encoding (varints, tag = field << 3 | type).
#include "frontend/onnx/WireScan.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace edgecc::onnx {
namespace {

constexpr size_t kLarge = 4096;    // smaller raw_data and messages without room for it are copied
constexpr unsigned kMaxDepth = 64; // of nested messages; deeper ones are copied

// The messages on the way from a model to its tensors.
enum class Message : uint8_t { Model, Graph, Function, Node, Attribute, Sparse, Tensor, Other };

Message childOf(Message parent, uint64_t field) {
  using enum Message;
  switch (parent) {
  case Model:
    return field == 7 ? Graph : field == 25 ? Function : Other;
  case Graph:
    return field == 1 ? Node : field == 5 ? Tensor : field == 15 ? Sparse : Other;
  case Function:
    return field == 7 ? Node : Other;
  case Node:
    return field == 5 ? Attribute : Other;
  case Attribute:
    return field == 5 || field == 10   ? Tensor
           : field == 6 || field == 11 ? Graph
           : field == 22               ? Sparse
                                       : Other;
  case Sparse:
    return field == 1 || field == 2 ? Tensor : Other;
  case Tensor:
  case Other:
    return Other;
  }
  return Other;
}

constexpr uint64_t kRawData = 9, kSegment = 3;

class Scanner {
public:
  explicit Scanner(std::string_view model) : model_(model) {}

  // Appends the rewritten bytes of [begin, end) to `out`; false if they are not well-formed.
  bool rewrite(Message message, size_t begin, size_t end, unsigned depth, std::string &out) {
    size_t at = begin;
    while (at < end) {
      size_t fieldBegin = at;
      auto tag = varint(at, end);
      if (!tag)
        return false;
      uint64_t field = *tag >> 3;
      switch (*tag & 7) {
      case 0:
        if (!varint(at, end))
          return false;
        break;
      case 1:
        at += 8;
        break;
      case 5:
        at += 4;
        break;
      case 2: {
        auto length = varint(at, end);
        if (!length || *length > end - at)
          return false;
        size_t payload = at;
        at += *length;
        if (message == Message::Tensor && field == kSegment)
          continue;
        if (*length <= kLarge)
          break;
        if (message == Message::Tensor && field == kRawData) {
          appendSegment(payload, at, out);
          continue;
        }
        Message child = childOf(message, field);
        if (child == Message::Other || depth == kMaxDepth)
          break;
        std::string inner;
        if (!rewrite(child, payload, at, depth + 1, inner))
          return false;
        appendVarint(*tag, out);
        appendVarint(inner.size(), out);
        out += inner;
        continue;
      }
      default: // groups do not occur in ONNX
        return false;
      }
      if (at > end)
        return false;
      out.append(model_.substr(fieldBegin, at - fieldBegin));
    }
    return true;
  }

private:
  std::optional<uint64_t> varint(size_t &at, size_t end) const {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at >= end)
        return std::nullopt;
      auto byte = static_cast<unsigned char>(model_[at++]);
      value |= uint64_t{byte & 0x7fu} << shift;
      if (!(byte & 0x80))
        return value;
    }
    return std::nullopt;
  }

  static void appendVarint(uint64_t value, std::string &out) {
    for (; value >= 0x80; value >>= 7)
      out += static_cast<char>((value & 0x7f) | 0x80);
    out += static_cast<char>(value);
  }

  static void appendSegment(size_t begin, size_t end, std::string &out) {
    std::string segment;
    appendVarint(1 << 3, segment);
    appendVarint(begin, segment);
    appendVarint(2 << 3, segment);
    appendVarint(end, segment);
    appendVarint(kSegment << 3 | 2, out);
    appendVarint(segment.size(), out);
    out += segment;
  }

  std::string_view model_;
};

} // namespace

std::string withoutLargeTensors(std::span<const std::byte> model) {
  std::string_view text(reinterpret_cast<const char *>(model.data()), model.size());
  std::string out;
  if (Scanner(text).rewrite(Message::Model, 0, text.size(), 0, out))
    return out;
  return std::string(text);
}

} // namespace edgecc::onnx
