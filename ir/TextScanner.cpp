#include "ir/TextScanner.h"

#include "runtime/numerics/Int4.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace edgecc {

namespace {

bool isDigit(char c) { return c >= '0' && c <= '9'; }
bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool isWordChar(char c) { return isLetter(c) || isDigit(c); }
bool isSymbolChar(char c) { return isWordChar(c) || c == '.' || c == '/' || c == '$' || c == '-'; }
bool isNumberChar(char c) { return isWordChar(c) || c == '.' || c == '-' || c == '+'; }

int hexDigit(char c) {
  if (isDigit(c))
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  return -1;
}

} // namespace

bool isBareWord(std::string_view text) {
  return !text.empty() && isLetter(text[0]) && std::ranges::all_of(text, isWordChar);
}

bool isBareSymbol(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, isSymbolChar);
}

// --- positions ---

std::string TextScanner::place(size_t position) const {
  std::string_view before = text_.substr(0, position);
  auto line = 1 + std::ranges::count(before, '\n');
  size_t newline = before.rfind('\n');
  size_t column = position - (newline == std::string_view::npos ? 0 : newline + 1) + 1;
  return source_ + ":" + std::to_string(line) + ":" + std::to_string(column);
}

tl::unexpected<Diagnostics> TextScanner::fail(std::string what) {
  return error(std::move(what), place(position()));
}

tl::unexpected<Diagnostics> TextScanner::failAtLast(std::string what) {
  return error(std::move(what), place(last_));
}

void TextScanner::skipSpace() {
  while (at_ < text_.size()) {
    char c = text_[at_];
    if (c == ' ' || c == '\n' || c == '\t' || c == '\r')
      ++at_;
    else if (text_.substr(at_, 2) == "//")
      at_ = std::min(text_.find('\n', at_), text_.size());
    else
      break;
  }
  last_ = at_;
}

size_t TextScanner::position() {
  skipSpace();
  return at_;
}

bool TextScanner::atEnd() { return position() == text_.size(); }

// --- tokens ---

bool TextScanner::accept(std::string_view token) {
  skipSpace();
  if (!text_.substr(at_).starts_with(token))
    return false;
  size_t end = at_ + token.size();
  if (isWordChar(token.back()) && end < text_.size() && isWordChar(text_[end]))
    return false;
  at_ = end;
  return true;
}

Expected<void> TextScanner::expect(std::string_view token) {
  if (!accept(token))
    return fail("expected '" + std::string(token) + "'");
  return {};
}

bool TextScanner::startsWith(char c) {
  skipSpace();
  return peek() == c && !atEnd();
}

bool TextScanner::startsRegion() {
  size_t start = at_;
  bool is = accept("{") && startsWith('^');
  at_ = start;
  return is;
}

template <class Fn> std::string_view TextScanner::takeWhile(Fn holds) {
  size_t start = at_;
  while (at_ < text_.size() && holds(text_[at_]))
    ++at_;
  return text_.substr(start, at_ - start);
}

Expected<std::string_view> TextScanner::word() {
  skipSpace();
  if (!isLetter(peek()))
    return fail("expected a name");
  return takeWhile(isWordChar);
}

Expected<std::string> TextScanner::string() {
  skipSpace();
  if (peek() != '"')
    return fail("expected a string in quotes");
  ++at_;
  std::string out;
  while (at_ < text_.size()) {
    char c = text_[at_++];
    if (c == '"')
      return out;
    if (c == '\n')
      break;
    if (c != '\\') {
      out += c;
      continue;
    }
    char escape = peek();
    ++at_;
    if (escape == '"' || escape == '\\') {
      out += escape;
      continue;
    }
    int high = at_ < text_.size() ? hexDigit(text_[at_]) : -1;
    int low = at_ + 1 < text_.size() ? hexDigit(text_[at_ + 1]) : -1;
    if (escape != 'x' || high < 0 || low < 0)
      return failAtLast("an escape in a string is none of \\\\, \\\" and \\x with two digits");
    out += static_cast<char>(high * 16 + low);
    at_ += 2;
  }
  return failAtLast("the string does not end on its line");
}

Expected<std::string> TextScanner::symbol() {
  EDGECC_CHECK(expect("@"));
  if (peek() == '"')
    return string();
  std::string_view name = takeWhile(isSymbolChar);
  if (name.empty())
    return fail("expected a name after @");
  return std::string(name);
}

Expected<std::string_view> TextScanner::valueName() {
  EDGECC_CHECK(expect("%"));
  std::string_view name = takeWhile(isWordChar);
  if (name.empty())
    return fail("expected a name after %");
  return name;
}

template <class T> Expected<T> TextScanner::number(const char *expected) {
  skipSpace();
  std::string_view token = takeWhile(isNumberChar);
  T value{};
  auto [end, status] = std::from_chars(token.data(), token.data() + token.size(), value);
  if (status == std::errc::result_out_of_range)
    return failAtLast("the number is out of range");
  if (token.empty() || status != std::errc() || end != token.data() + token.size())
    return failAtLast(std::string("expected ") + expected);
  return value;
}

Expected<int64_t> TextScanner::integer() { return number<int64_t>("an integer"); }

template <class Fn> Expected<void> TextScanner::list(Fn element) {
  EDGECC_CHECK(expect("["));
  if (accept("]"))
    return {};
  do
    EDGECC_CHECK(element());
  while (accept(","));
  return expect("]");
}

Expected<std::vector<int64_t>> TextScanner::integers() {
  std::vector<int64_t> values;
  EDGECC_CHECK(list([&]() -> Expected<void> {
    EDGECC_TRY(value, integer());
    values.push_back(value);
    return {};
  }));
  return values;
}

Expected<std::vector<double>> TextScanner::reals() {
  std::vector<double> values;
  EDGECC_CHECK(list([&]() -> Expected<void> {
    EDGECC_TRY(value, number<double>("a number"));
    values.push_back(value);
    return {};
  }));
  return values;
}

Expected<Attribute> TextScanner::attribute(AttributeKind kind) {
  switch (kind) {
  case AttributeKind::Flag:
    if (accept("true"))
      return true;
    if (accept("false"))
      return false;
    return fail("expected true or false");
  case AttributeKind::Int:
    return integer();
  case AttributeKind::Float:
    return number<double>("a number");
  case AttributeKind::String:
    return string();
  case AttributeKind::Ints:
    return integers();
  case AttributeKind::Floats:
    return reals();
  case AttributeKind::Strings: {
    std::vector<std::string> values;
    EDGECC_CHECK(list([&]() -> Expected<void> {
      EDGECC_TRY(value, string());
      values.push_back(std::move(value));
      return {};
    }));
    return values;
  }
  case AttributeKind::DType: {
    EDGECC_TRY(text, word());
    if (auto dtype = dtypeFromName(text))
      return *dtype;
    return failAtLast("there is no element type " + std::string(text));
  }
  }
  __builtin_unreachable();
}

// --- types ---

Expected<Type> TextScanner::type() {
  Type type;
  EDGECC_TRY(text, word());
  auto dtype = dtypeFromName(text);
  if (!dtype)
    return failAtLast("there is no element type " + std::string(text));
  type.dtype = *dtype;
  EDGECC_CHECK(expect("["));
  size_t start = at_;
  if (!startsWith(']') && !startsWith(','))
    EDGECC_CHECK(shape(type));
  if (!isValidShape(type.dims))
    return error("the shape has too many axes or elements", place(start));
  if (accept(","))
    EDGECC_CHECK(layout(type));
  EDGECC_CHECK(expect("]"));
  return type;
}

Expected<void> TextScanner::shape(Type &type) {
  do {
    if (type.dims.size() == kMaxRank)
      return fail("a shape has at most " + std::to_string(kMaxRank) + " axes");
    if (accept("<="))
      type.boundedAxes |= uint32_t{1} << type.dims.size();
    skipSpace();
    std::string_view digits = takeWhile(isDigit);
    int64_t extent = 0;
    auto status = std::from_chars(digits.data(), digits.data() + digits.size(), extent).ec;
    if (digits.empty() || status != std::errc())
      return failAtLast("expected the extent of an axis");
    type.dims.push_back(extent);
  } while (peek() == 'x' && ++at_);
  return {};
}

Expected<void> TextScanner::layout(Type &type) {
  Layout layout;
  EDGECC_CHECK(expect("order"));
  EDGECC_CHECK(expect("="));
  EDGECC_TRY(order, integers());
  for (int64_t axis : order) {
    if (axis < 0 || axis >= static_cast<int64_t>(type.rank()))
      return failAtLast("the order names an axis that the shape does not have");
    layout.order.push_back(static_cast<int>(axis));
  }
  if (accept(",")) {
    EDGECC_CHECK(expect("halo"));
    EDGECC_CHECK(expect("="));
    EDGECC_TRY(low, integers());
    EDGECC_CHECK(expect("/"));
    EDGECC_TRY(high, integers());
    layout.haloLow = std::move(low);
    layout.haloHigh = std::move(high);
  }
  type.layout = std::move(layout);
  return {};
}

// --- contents ---

Expected<void> TextScanner::element(Tensor &tensor, int64_t i) {
  auto index = static_cast<size_t>(i);
  DType dtype = tensor.dtype();
  switch (dtype) {
  case DType::Bool: {
    EDGECC_TRY(value, attribute(AttributeKind::Flag));
    tensor.setDouble(i, std::get<bool>(value));
    return {};
  }
  case DType::I64: {
    EDGECC_TRY(value, integer());
    tensor.mutableData<int64_t>()[index] = value;
    return {};
  }
  case DType::U64: {
    EDGECC_TRY(value, number<uint64_t>("a non-negative integer"));
    tensor.mutableData<uint64_t>()[index] = value;
    return {};
  }
  case DType::F32: {
    EDGECC_TRY(value, number<float>("a number"));
    tensor.mutableData<float>()[index] = value;
    return {};
  }
  default:
    break;
  }
  if (isInteger(dtype)) {
    EDGECC_TRY(value, integer());
    tensor.setDouble(i, static_cast<double>(value));
    if (tensor.asInt(i) != value)
      return failAtLast(std::to_string(value) + " is not a value of " + std::string(name(dtype)));
    return {};
  }
  EDGECC_TRY(value, number<double>("a number"));
  tensor.setDouble(i, value);
  return {};
}

Expected<Tensor> TextScanner::hexContent(const Type &type) {
  skipSpace();
  std::string_view rest = text_.substr(at_);
  size_t digits = 2 * static_cast<size_t>(type.bytes());
  if (rest.size() < digits + 2 || rest.front() != '"' || rest[digits + 1] != '"')
    return fail("expected " + std::to_string(digits) + " hexadecimal digits in quotes");
  Tensor tensor(type.dtype, type.dims);
  std::byte *out = tensor.mutableRaw();
  for (size_t i = 0; i < digits; i += 2) {
    int high = hexDigit(rest[i + 1]), low = hexDigit(rest[i + 2]);
    if (high < 0 || low < 0)
      return error("expected a hexadecimal digit (0-9, a-f)", place(at_ + i + 1));
    out[i / 2] = static_cast<std::byte>(high * 16 + low);
  }
  at_ += digits + 2;
  return tensor;
}

Expected<Tensor> TextScanner::content(const Type &type) {
  if (accept("hex"))
    return hexContent(type);
  // At least one character for each element: hostile extents allocate nothing.
  if (static_cast<uint64_t>(type.elements()) > text_.size() - at_)
    return fail("expected " + std::to_string(type.elements()) + " elements");
  Tensor tensor(type.dtype, type.dims);
  int64_t count = 0;
  EDGECC_CHECK(list([&]() -> Expected<void> {
    if (count == tensor.elements())
      return fail("expected " + std::to_string(count) + " elements, found more");
    return element(tensor, count++);
  }));
  if (count != tensor.elements())
    return failAtLast("expected " + std::to_string(tensor.elements()) + " elements, found " +
                      std::to_string(count));
  return tensor;
}

} // namespace edgecc
