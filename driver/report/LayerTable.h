// The table of all layers in the report's web page.
#pragma once

#include "driver/report/Report.h"

namespace edgecc::driver::html {

// A section with a table that a click on a column's head sorts. Columns without data are left out.
std::string layerTable(const Report &report);

// The types of a layer's data and weights: "u8 × i8", and what they were where that differs.
std::string typesOf(const ReportedLayer &layer);

// With a capital at its beginning and a full stop.
std::string sentence(std::string text);

} // namespace edgecc::driver::html
