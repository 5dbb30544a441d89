// What to do about layers that lost accuracy.
#pragma once

#include "driver/report/Report.h"

namespace edgecc::driver {

struct SuggestionSettings {
  bool perTensorWeights = false; // one scale for a layer's weights
  bool cutsRanges = false;       // ranges leave out rare values
};

// A sentence derived from the layer's data; empty if nothing would help.
std::string suggestionFor(const ReportedLayer &layer, const SuggestionSettings &settings);

// Of the observed range to that of all values but one in a thousand; 1 without a histogram.
double outlierRatio(const Observation &values);

} // namespace edgecc::driver
