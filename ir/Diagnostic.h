// User-facing errors. A mistake in the user's file, option or model travels as a Diagnostic inside
// an Expected; a broken invariant of the compiler's own is an assert and never a Diagnostic.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace edgecc {

// What went wrong, where (the ONNX node's name, the file, the option; may be empty), and what the
// user can do about it (may be empty).
struct Diagnostic {
  std::string what;
  std::string where;
  std::string hint;

  // "what [at where]; hint" on one line; the parts that are empty are left out.
  std::string str() const;
};

// At least one Diagnostic when used as an error.
using Diagnostics = std::vector<Diagnostic>;

template <class T> using Expected = tl::expected<T, Diagnostics>;

inline tl::unexpected<Diagnostics> error(std::string what, std::string where = {},
                                         std::string hint = {}) {
  return tl::unexpected<Diagnostics>(
      Diagnostics{{std::move(what), std::move(where), std::move(hint)}});
}

// All diagnostics, one per line.
std::string str(const Diagnostics &diagnostics);

// Returns early with the error of `expr`, an Expected<T>; otherwise declares `var` with its value.
#define EDGECC_TRY(var, expr)                                                                      \
  auto var##OrError = (expr);                                                                      \
  if (!var##OrError)                                                                               \
    return tl::unexpected(std::move(var##OrError.error()));                                        \
  auto &&var = *var##OrError

// Returns early with the error of `expr`, an Expected<void>.
#define EDGECC_CHECK(expr)                                                                         \
  do {                                                                                             \
    if (auto result_ = (expr); !result_)                                                           \
      return tl::unexpected(std::move(result_.error()));                                           \
  } while (false)

} // namespace edgecc
