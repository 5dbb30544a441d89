// The text form (docs/ir.md). parse(print(m)) prints the same bytes.
#pragma once

#include "ir/Diagnostic.h"
#include "ir/Module.h"

namespace edgecc {

struct PrintOptions {
  // Leaves out the contents of parameters with more elements than this; such text cannot be
  // parsed back into the same module (contents become zero). Negative: print all.
  int64_t elideAbove = -1;
};

std::string print(const Module &module, const PrintOptions &options = {});
std::string print(const Op &op); // one line, for messages
std::string print(const Attribute &attribute);

// `source` names the text in diagnostics ("file:line:column"). Hostile text gives an error.
Expected<std::unique_ptr<Module>> parse(std::string_view text, std::string source = "<text>");

} // namespace edgecc
