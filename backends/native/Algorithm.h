// Which algorithm convolutions and matrix products use, where there is a choice.
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace edgecc::native {

// Winograd2 computes 2 neighbouring results of a 3-tap filter at once along each axis that the
// filter spans (F(2x2,3x3), F(2x2,5x5)...), Winograd4 4 and Winograd6 6; larger tiles multiply less
// and round more (docs/numerics.md). Auto takes the one with the least estimated time. A layer to
// which Winograd's method does not apply is computed directly in any case.
enum class ConvAlgorithm : uint8_t { Auto, Direct, Winograd2, Winograd4, Winograd6 };

struct Algorithms {
  ConvAlgorithm conv = ConvAlgorithm::Auto;
  std::map<std::string, ConvAlgorithm> byLayer = {}; // by the op's location; before `conv`

  // Contractions with bf16 weights may round f32 activations to bf16, where the machine multiplies
  // pairs of bf16 (docs/numerics.md); else they convert the weights to f32.
  bool bf16Products = true;

  // Sums in one order, whatever the machine: no layer has a choice.
  static Algorithms exact() {
    return {.conv = ConvAlgorithm::Direct, .byLayer = {}, .bf16Products = false};
  }

  ConvAlgorithm of(const std::string &location) const {
    auto it = byLayer.find(location);
    return it == byLayer.end() ? conv : it->second;
  }
};

} // namespace edgecc::native
