#include "passes/compress/equalization/QuantizationNoise.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace edgecc {

namespace {

// All that was seen: what is rare in a channel may be what the model looks for.
double lowOf(const ChannelSummary &s) { return std::min(0.0, s.low); }
double highOf(const ChannelSummary &s) { return std::max(0.0, s.high); }
double powerOf(const ChannelSummary &s) { return s.mean * s.mean + s.deviation * s.deviation; }

} // namespace

ReadingLayer::ReadingLayer(const LinearLayer &layer, std::vector<uint32_t> columns,
                           std::vector<ChannelSummary> seen)
    : shape_(layer), taps_(static_cast<double>(layer.kernel)), columns_(std::move(columns)),
      seen_(std::move(seen)) {
  auto pairs = static_cast<size_t>(layer.weights->elements() / layer.kernel);
  largest_.resize(pairs);
  squares_.resize(pairs);
  for (int64_t i = 0; i < layer.weights->elements(); ++i) {
    auto w = static_cast<float>(std::abs(layer.weights->asDouble(i)));
    auto pair = static_cast<size_t>(i / layer.kernel);
    largest_[pair] = std::max(largest_[pair], w);
    squares_[pair] += w * w;
  }
  shape_.kernel = 1;
}

double ReadingLayer::noise(const std::vector<double> &scales) const {
  double low = 0, high = 0;
  std::vector<double> s, power;
  for (size_t c = 0; c < columns_.size(); ++c) {
    s.push_back(scales[columns_[c]]);
    power.push_back(powerOf(seen_[c]));
    low = std::min(low, lowOf(seen_[c]) / s[c]);
    high = std::max(high, highOf(seen_[c]) / s[c]);
  }
  struct Row {
    double range = 0, gain = 0, input = 0;
  };
  std::vector<Row> rows(static_cast<size_t>(shape_.outputs));
  double signal = 0;
  shape_.forEachWeight([&](int64_t i, size_t row, size_t c) {
    auto at = static_cast<size_t>(i);
    Row &r = rows[row];
    r.range = std::max(r.range, double{largest_[at]} * s[c]);
    r.gain += double{squares_[at]} * s[c] * s[c];
    r.input += taps_ * power[c] / (s[c] * s[c]);
    signal += double{squares_[at]} * power[c];
  });
  double step = (high - low) / 255, total = 0;
  for (const Row &r : rows)
    total += step * step / 12 * r.gain + r.range / 127 * (r.range / 127) / 12 * r.input;
  return signal > 0 ? total / signal : 0;
}

std::vector<double> leastNoise(const ChannelClasses &classes,
                               const std::vector<ReadingLayer> &layers,
                               const std::vector<double> &weightRanges, double limit) {
  const size_t count = classes.classes().size();
  std::vector<double> scales(count, 1.0), peaks(count, 0.0);
  std::vector<uint32_t> parent(count);
  std::iota(parent.begin(), parent.end(), 0u);
  auto find = [&](uint32_t id) {
    while (parent[id] != id)
      id = parent[id] = parent[parent[id]];
    return id;
  };
  for (const ReadingLayer &layer : layers) {
    std::optional<uint32_t> first;
    for (size_t c = 0; c < layer.columns().size(); ++c) {
      uint32_t id = layer.columns()[c];
      if (!classes.isFree(id))
        continue;
      const ChannelSummary &seen = layer.seen()[c];
      peaks[id] = std::max({peaks[id], highOf(seen), -lowOf(seen)});
      uint32_t mine = find(id), other = find(first.value_or(id));
      parent[std::max(mine, other)] = std::min(mine, other);
      first = id;
    }
  }
  // Channels that are read together, and who reads them.
  std::map<uint32_t, std::pair<std::vector<uint32_t>, std::vector<const ReadingLayer *>>> groups;
  for (uint32_t id = 0; id < count; ++id)
    if (classes.isFree(id) && peaks[id] > 0 && weightRanges[id] > 0)
      groups[find(id)].first.push_back(id);
  for (const ReadingLayer &layer : layers)
    for (uint32_t id : layer.columns())
      if (classes.isFree(id)) {
        groups[find(id)].second.push_back(&layer);
        break;
      }
  for (auto &[root, group] : groups) {
    auto &[ids, readers] = group;
    auto noise = [&] {
      double sum = 0;
      for (const ReadingLayer *layer : readers)
        sum += layer->noise(scales);
      return sum;
    };
    double best = 0.8 * noise();
    std::vector<double> chosen(ids.size(), 1.0);
    for (double p : {0.25, 0.5, 0.75, 1.0})
      for (double q : {0.0, 0.25, 0.5}) {
        double logs = 0;
        for (uint32_t id : ids) {
          scales[id] = std::pow(peaks[id], p) / std::pow(weightRanges[id], q);
          logs += std::log(scales[id]);
        }
        double middle = std::exp(logs / static_cast<double>(ids.size()));
        for (uint32_t id : ids)
          scales[id] = std::clamp(scales[id] / middle, 1 / limit, limit);
        double now = noise();
        if (now >= best)
          continue;
        best = now;
        for (size_t i = 0; i < ids.size(); ++i)
          chosen[i] = scales[ids[i]];
      }
    for (size_t i = 0; i < ids.size(); ++i)
      scales[ids[i]] = chosen[i];
  }
  return scales;
}

} // namespace edgecc
