// Tokens, numbers, types and tensor contents of the text form: what Parser.cpp builds on.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/OpDef.h"
#include "ir/Tensor.h"

namespace edgecc {

inline constexpr std::string_view kSpaceNames[] = {"input", "output", "weights", "arena"};

// [A-Za-z_][A-Za-z0-9_]*, the form of keywords, op names and attribute names.
bool isBareWord(std::string_view text);
// [A-Za-z0-9_./$-]+, what may follow @ without quotes.
bool isBareSymbol(std::string_view text);

// A position in a text, which must outlive it. Spaces and comments (// to the end of the line) in
// front of a token are skipped. Allocates no more than a small multiple of the text's length.
class TextScanner {
public:
  TextScanner(std::string_view text, std::string source)
      : text_(text), source_(std::move(source)) {}

  // "what" at the current position; the place is "source:line:column".
  tl::unexpected<Diagnostics> fail(std::string what);
  // The same where the token that was read last begins.
  tl::unexpected<Diagnostics> failAtLast(std::string what);
  std::string place(size_t position) const;

  bool atEnd();
  size_t position(); // of the next token

  // The next token is `token`, which is punctuation or a whole word: skips it and returns true.
  bool accept(std::string_view token);
  Expected<void> expect(std::string_view token);
  bool startsWith(char c); // the next token
  bool startsRegion();     // the next tokens are { and ^

  Expected<std::string_view> word();
  Expected<std::string> string();
  Expected<std::string> symbol();         // @name or @"quoted name"
  Expected<std::string_view> valueName(); // %name, without the %
  Expected<int64_t> integer();
  Expected<std::vector<int64_t>> integers(); // [1, 2]
  Expected<std::vector<double>> reals();     // [1.5, 2]
  Expected<Type> type();
  // An attribute's value. Where numbers with decimal points are declared, 1 stands for 1.0.
  Expected<Attribute> attribute(AttributeKind kind);
  // The numbers or bytes of a parameter of this type.
  Expected<Tensor> content(const Type &type);

private:
  void skipSpace();
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  template <class Fn> std::string_view takeWhile(Fn holds);
  template <class T> Expected<T> number(const char *expected);
  template <class Fn> Expected<void> list(Fn element);
  Expected<void> shape(Type &type);
  Expected<void> layout(Type &type);
  Expected<void> element(Tensor &tensor, int64_t i);
  Expected<Tensor> hexContent(const Type &type);

  std::string_view text_;
  std::string source_;
  size_t at_ = 0;
  size_t last_ = 0;
};

} // namespace edgecc
