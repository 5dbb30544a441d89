#include "passes/compress/precision/Candidates.h"

#include <algorithm>
#include <array>

namespace edgecc {

Expected<std::vector<Candidate>> parseCandidates(const std::string &list) {
  const std::array<Candidate, 4> known{{{"float", {DType::F32, DType::F32}},
                                        {"16", {DType::I8, DType::I16}},
                                        {"8", {DType::I8, DType::U8}},
                                        {"4", {DType::I4, DType::U8}}}};
  std::array<bool, 4> wanted{};
  for (size_t begin = 0; begin <= list.size();) {
    size_t end = std::min(list.find_first_of(",:", begin), list.size());
    std::string name = list.substr(begin, end - begin);
    auto it = std::ranges::find(known, name, &Candidate::name);
    if (it == known.end())
      return error("'" + name + "' is not a width", "choose-precision{candidates}",
                   "a list of 4, 8, 16 and float, such as 4:8:float");
    wanted[static_cast<size_t>(it - known.begin())] = true;
    begin = end + 1;
  }
  std::vector<Candidate> out;
  for (size_t i = 0; i < known.size(); ++i)
    if (wanted[i])
      out.push_back(known[i]);
  return out;
}

std::vector<double> bytesOf(const Op &layer, const std::vector<Candidate> &candidates) {
  const Tensor *weights = constantOf(layer.operand(1));
  std::vector<double> bytes;
  for (const Candidate &candidate : candidates)
    bytes.push_back(
        weights ? static_cast<double>(numBytes(candidate.precision.weights, weights->dims())) : 0);
  return bytes;
}

std::vector<double> timeOf(const Op &layer, const std::vector<Candidate> &candidates,
                           const TargetModel *target) {
  std::vector<double> time;
  for (const Candidate &candidate : candidates) {
    // Integer layers compute on 4-bit weights as on 8-bit ones.
    bool widens = candidate.precision.weights == DType::I4;
    DType weights = widens ? DType::I8 : candidate.precision.weights;
    time.push_back(target ? target->costAs(layer, candidate.precision.activations, weights) : 0);
  }
  return time;
}

std::vector<Demotion> orderDemotions(const std::vector<LayerChoices> &layers) {
  double allTime = 0, allBytes = 0;
  for (const LayerChoices &layer : layers) {
    allTime += layer.time[0];
    allBytes += layer.bytes[0];
  }
  auto cost = [&](const LayerChoices &layer, size_t candidate) {
    return (allTime > 0 ? layer.time[candidate] / allTime : 0) +
           (allBytes > 0 ? layer.bytes[candidate] / allBytes : 0);
  };
  std::vector<size_t> current(layers.size(), 0);
  std::vector<Demotion> order;
  for (;;) {
    Demotion best;
    double least = 0;
    bool found = false;
    for (size_t l = 0; l < layers.size(); ++l)
      for (size_t c = current[l] + 1; c < layers[l].noise.size(); ++c) {
        double saved = cost(layers[l], current[l]) - cost(layers[l], c);
        if (!(saved > 0))
          continue;
        double price = (layers[l].noise[c] - layers[l].noise[current[l]]) / saved;
        if (!found || price < least) {
          found = true;
          least = price;
          best = {l, c};
        }
      }
    if (!found)
      return order;
    current[best.layer] = best.to;
    order.push_back(best);
  }
}

} // namespace edgecc
