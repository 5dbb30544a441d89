#include "backends/device/JsonLines.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <optional>
#include <string>

namespace edgecc::device {

namespace {

constexpr int kMaxDepth = 64;

class Finder {
public:
  Finder(std::string_view text, std::string_view path) : text_(text), path_(path) {}

  int run() {
    value("", 0);
    return found_;
  }

private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  // Space, commas, colons and comments.
  void skip() {
    while (at_ < text_.size()) {
      if (text_.substr(at_, 2) == "//")
        at_ = std::min(text_.find('\n', at_), text_.size());
      else if (text_.substr(at_, 2) == "/*")
        at_ = std::min(text_.find("*/", at_), text_.size() - 2) + 2;
      else if (std::isspace(static_cast<unsigned char>(peek())) || peek() == ',' || peek() == ':')
        ++at_;
      else
        return;
    }
  }

  // A quoted string or a bare word, without quotes.
  std::string_view word() {
    size_t begin = at_;
    if (peek() == '"') {
      for (++at_; at_ < text_.size() && peek() != '"'; ++at_)
        at_ += peek() == '\\';
      at_ = std::min(at_ + 1, text_.size());
      return text_.substr(begin + 1, at_ - begin - 2);
    }
    while (at_ < text_.size() && !std::isspace(static_cast<unsigned char>(peek())) &&
           std::string_view(",:{}[]").find(peek()) == std::string_view::npos)
      ++at_;
    if (at_ == begin)
      ++at_;
    return text_.substr(begin, at_ - begin);
  }

  void value(const std::string &own, int depth) {
    skip();
    if (found_ || at_ >= text_.size())
      return;
    if (depth > kMaxDepth) {
      word(); // goes on, at least by a character
      return;
    }
    if (own == path_)
      found_ = 1 + static_cast<int>(std::count(text_.begin(),
                                               text_.begin() + static_cast<ptrdiff_t>(at_), '\n'));
    if (peek() != '{' && peek() != '[') {
      word();
      return;
    }
    bool isObject = peek() == '{';
    char end = isObject ? '}' : ']';
    ++at_;
    for (int index = 0;; ++index) {
      skip();
      if (found_ || at_ >= text_.size())
        return;
      if (peek() == end) {
        ++at_;
        return;
      }
      std::string name = isObject ? (own.empty() ? "" : own + ".") + std::string(word())
                                  : own + "[" + std::to_string(index) + "]";
      value(name, depth + 1);
    }
  }

  std::string_view text_, path_;
  size_t at_ = 0;
  int found_ = 0;
};

} // namespace

int lineOfField(std::string_view json, std::string_view path) { return Finder(json, path).run(); }

} // namespace edgecc::device
