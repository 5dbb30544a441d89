#include "frontend/onnx/ops/OpTable.h"

namespace edgecc {
namespace importer {

static const OpTable &table() {
  static const OpTable table = [] {
    OpTable rows;
    addAttentionOps(rows);
    addControlOps(rows);
    addContribOps(rows);
    addConvOps(rows);
    addElementwiseOps(rows);
    addIndexingOps(rows);
    addLinearAttentionOps(rows);
    addLossOps(rows);
    addMatMulOps(rows);
    addMovementOps(rows);
    addNormalizationOps(rows);
    addPoolingOps(rows);
    addQuantizationOps(rows);
    addRecurrentOps(rows);
    addReductionOps(rows);
    addResamplingOps(rows);
    addShapeOps(rows);
    addSignalOps(rows);
    return rows;
  }();
  return table;
}

ImportFunction findImporter(const std::string &domain, const std::string &opType) {
  auto it = table().rows().find({domain, opType});
  return it == table().rows().end() ? nullptr : it->second;
}

std::string whyMissing(const std::string &domain, const std::string &opType) {
  if (domain == "ai.onnx.preview.training" || opType == "Gradient")
    return "training is not supported; export the model for inference";
  if (domain == "ai.onnx.ml")
    return "classical machine-learning ops are not supported; export the neural network alone";
  if (!domain.empty())
    return "define it as a function in the model, or export with ONNX's own ops";
  if (opType.starts_with("Sequence") || opType == "SplitToSequence" ||
      opType == "ConcatFromSequence")
    return "sequences of tensors are not supported; replace them with Concat and Split";
  if (opType.starts_with("Optional"))
    return "optional values are not supported";
  if (opType.starts_with("String") || opType == "RegexFullMatch" || opType == "TfIdfVectorizer")
    return "strings are not supported; preprocess text outside of the model";
  if (opType.starts_with("Random") || opType == "Multinomial" || opType == "Bernoulli")
    return "random numbers would make inference irreproducible; feed them as an input";
  if (opType == "ImageDecoder")
    return "decode pictures outside of the model";
  return {};
}

} // namespace importer

std::vector<std::string> importableOps() {
  std::vector<std::string> names;
  for (const auto &[key, import] : importer::table().rows())
    names.push_back(key.first.empty() ? key.second : key.first + "." + key.second);
  return names;
}

} // namespace edgecc
