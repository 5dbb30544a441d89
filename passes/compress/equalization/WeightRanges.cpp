#include "passes/compress/equalization/WeightRanges.h"

#include <algorithm>
#include <cmath>

namespace edgecc {

static std::vector<uint32_t> classesOf(const Labels &labels, int64_t channels) {
  std::vector<uint32_t> out;
  for (int64_t c = 0; c < channels; ++c)
    out.push_back(labels.at(c));
  return out;
}

WeightRanges::WeightRanges(const Block &body, const ChannelClasses &classes)
    : classes_(classes.classes().size()) {
  for (const auto &op : body.ops()) {
    const LinearLayer *layer = classes.layer(*op);
    if (!layer)
      continue;
    const Labels &x = *classes.labels(*op->operand(0)), &y = *classes.labels(*op->result());
    if (!x.uniform() && x.axis() != layer->inputAxis)
      continue; // its input is pinned
    Layer out{*layer, {}, classesOf(y, layer->outputs), classesOf(x, layer->inputs), {}};
    if (auto bias = biasOf(*layer)) {
      auto perRow = static_cast<double>(layer->weights->elements() / layer->outputs);
      for (double b : *bias)
        out.least.push_back(std::abs(b) / (kBiasShare * std::sqrt(perRow)));
    }
    out.largest.resize(static_cast<size_t>(layer->weights->elements() / layer->kernel));
    for (int64_t i = 0; i < layer->weights->elements(); ++i) {
      float &largest = out.largest[static_cast<size_t>(i / layer->kernel)];
      largest = std::max(largest, static_cast<float>(std::abs(layer->weights->asDouble(i))));
    }
    out.shape.kernel = 1;
    layers_.push_back(std::move(out));
  }
}

ClassRanges WeightRanges::under(const std::vector<double> &scales) const {
  ClassRanges ranges{std::vector<double>(classes_, 0.0), std::vector<double>(classes_, 0.0)};
  for (const Layer &layer : layers_) {
    for (size_t row = 0; row < layer.least.size(); ++row) {
      double &range = ranges.produced[layer.rows[row]];
      range = std::max(range, layer.least[row] / scales[layer.rows[row]]);
    }
    layer.shape.forEachWeight([&](int64_t i, size_t row, size_t column) {
      uint32_t made = layer.rows[row], read = layer.columns[column];
      double w = double{layer.largest[static_cast<size_t>(i)]} * scales[read] / scales[made];
      ranges.produced[made] = std::max(ranges.produced[made], w);
      ranges.consumed[read] = std::max(ranges.consumed[read], w);
    });
  }
  return ranges;
}

} // namespace edgecc
