// Documentation generated from the declarations.
#pragma once

#include <string>

namespace edgecc {

// A markdown page: the table of all ops, then a section for each with operands, attributes,
// constraints and results. Deterministic.
std::string opDocs();

} // namespace edgecc
