// What the compression passes share beyond the module: data, what was learned from it, and what
// the user is told. The driver owns one for each compile; unit tests make their own.
#pragma once

#include "ir/DataSource.h"
#include "ir/Metric.h"
#include "ir/Module.h"
#include "passes/compress/calibration/Calibration.h"

namespace edgecc {

namespace pruning {
class CurveCache;
}

// How one layer computes. F32 activations with narrower weights is weight-only quantisation.
struct Precision {
  DType weights = DType::F32;     // F32 F16 BF16 I16 I8 I4
  DType activations = DType::F32; // F32 F16 BF16 I16 I8 U8
  bool operator==(const Precision &) const = default;
};

// Something about one layer that the user should read in the report.
struct Note {
  std::string pass;
  std::string layer; // nameOfLayer()
  std::string text;  // a sentence
};

struct Compression {
  DataSource *data = nullptr;     // calibration samples; null: none were given
  const Metric *metric = nullptr; // null: none is defined for this model
  Calibration calibration;        // filled by the pass `calibrate` or loaded from a file
  // Decided by `choose-precision` or by the user; layers without an entry have what the options of
  // `quantize` say. By nameOfLayer().
  std::map<std::string, Precision, std::less<>> precisions;
  // The canonical float model before the first compression pass, for comparison.
  std::unique_ptr<Module> original;
  // The float network that `quantize` was last given, which the passes behind it come close to.
  std::unique_ptr<Module> beforeQuantization;
  // What runs of `prune` on these samples share; null: nothing.
  std::shared_ptr<pruning::CurveCache> pruningCurves;
  std::vector<Note> notes;
};

// What a layer is called in tables and reports: the ONNX node's name; without one, the ONNX
// tensor that its first result stands for; without that, the op's name.
std::string nameOfLayer(const Op &op);

// Fails where a layer (convolution or matrix product) has a constant operand with NaN or infinite
// elements: no scale, score or factor can be computed from those. One diagnostic for each layer;
// `pass` is what needs them.
Expected<void> checkFiniteWeights(const Function &function, std::string_view pass);

} // namespace edgecc
