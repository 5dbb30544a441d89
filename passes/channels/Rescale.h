// Changes channel classes: producers scale or shift, consumers undo it, what lies between follows.
#pragma once

#include "passes/channels/ChannelClasses.h"

namespace edgecc {

// value -> value / scales[class] for every value of the block: weights, biases, added constants
// and clip bounds change and provenance is kept. `scales` has one entry for each class, not 0, not
// negative where the class is `positive`, and 1 for classes that are not free. `classes` must be
// for Change::Scale; it no longer describes the block afterwards.
void applyScales(Module &module, Block &body, const ChannelClasses &classes,
                 const std::vector<double> &scales);

// value -> value - shifts[class], in the same way, for Change::Shift. No provenance can express a
// shift, so that the values in between stand for no ONNX tensor any more.
void applyShifts(Module &module, Block &body, const ChannelClasses &classes,
                 const std::vector<double> &shifts);

} // namespace edgecc
