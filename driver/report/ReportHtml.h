// The report as a web page that needs nothing but itself.
#pragma once

#include "driver/report/Report.h"

namespace edgecc::driver {

// One file: no script is needed to read it, nothing is loaded, and names of nodes and tensors,
// which anyone may have written, are escaped.
std::string reportAsHtml(const Report &report);

} // namespace edgecc::driver
