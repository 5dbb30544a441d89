// Self-attention (Vaswani et al. 2017) in the forms that vision networks use.
#pragma once

#include "bench/zoo/Layers.h"

namespace edgecc::zoo {

// Multi-head attention among the tokens of x, [N, tokens, C]. `biases` (possibly none) are added to
// the scores, [N, heads, tokens, tokens], before the softmax.
Value *selfAttention(Net &net, Value *x, int64_t heads, const std::vector<Value *> &biases = {});
// Two fully connected layers, the first four times as wide.
Value *mlp(Net &net, Value *x);

// Attention over the pixels of an image, made of 1x1 convolutions, with the chain that follows it;
// 64 channels a head, keys half as wide as values (YOLOv10, YOLO11).
Value *pixelAttentionBlock(Net &net, Value *x);
// A cross-stage partial block with `repeats` of the above on one half.
Value *partialAttention(Net &net, Value *x, int repeats);

} // namespace edgecc::zoo
