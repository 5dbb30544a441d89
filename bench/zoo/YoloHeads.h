// Detection heads without anchors, from YOLOv8 on.
#pragma once

#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

// A box is four distributions over 16 distances (Li et al. 2020).
inline constexpr int64_t kBoxBins = 16;
inline constexpr int64_t kBoxValues = 4 * kBoxBins;

// The inner channels of the heads for boxes, for all sizes; `finest` is the finest level.
int64_t boxHeadChannels(const Value *finest);
// Two 3x3 layers of `inner` channels and a linear 1x1 one of `outputs`.
Value *boxHead(Net &net, Value *x, int64_t inner, int64_t outputs);
// The same for classes, with depthwise 3x3 layers (YOLOv10, YOLO11).
Value *separableHead(Net &net, Value *x, int64_t inner, int64_t outputs);
// Boxes as distances, the best score and all scores in one output of 85 channels.
void cameraOutput(Net &net, Value *boxes, Value *scores);

} // namespace edgecc::zoo
