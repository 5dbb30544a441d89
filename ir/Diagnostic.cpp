#include "ir/Diagnostic.h"

namespace edgecc {

std::string Diagnostic::str() const {
  std::string text = what;
  if (!where.empty())
    text += " [at " + where + "]";
  if (!hint.empty())
    text += "; " + hint;
  return text;
}

std::string str(const Diagnostics &diagnostics) {
  std::string text;
  for (const Diagnostic &diagnostic : diagnostics) {
    if (!text.empty())
      text += '\n';
    text += diagnostic.str();
  }
  return text;
}

} // namespace edgecc
