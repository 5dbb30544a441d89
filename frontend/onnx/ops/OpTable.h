// The table of op importers, keyed by domain and op type. One file a family; each adds its rows.
#pragma once

#include "frontend/onnx/NodeContext.h"

namespace edgecc::importer {

using ImportFunction = void (*)(NodeContext &);

// Null if there is none. `domain` is "" for ONNX's own ops.
ImportFunction findImporter(const std::string &domain, const std::string &opType);

// A reason why the op has no importer, to be shown to the user; empty if nothing is known.
std::string whyMissing(const std::string &domain, const std::string &opType);

class OpTable {
public:
  void add(std::string_view opType, ImportFunction import) { addTo("", opType, import); }
  void addTo(std::string_view domain, std::string_view opType, ImportFunction import) {
    rows_[{std::string(domain), std::string(opType)}] = import;
  }
  const std::map<std::pair<std::string, std::string>, ImportFunction> &rows() const {
    return rows_;
  }

private:
  std::map<std::pair<std::string, std::string>, ImportFunction> rows_;
};

void addAttentionOps(OpTable &table);
void addControlOps(OpTable &table);
void addContribOps(OpTable &table);
void addConvOps(OpTable &table);
void addElementwiseOps(OpTable &table);
void addIndexingOps(OpTable &table);
void addLinearAttentionOps(OpTable &table);
void addLossOps(OpTable &table);
void addMatMulOps(OpTable &table);
void addMovementOps(OpTable &table);
void addNormalizationOps(OpTable &table);
void addPoolingOps(OpTable &table);
void addQuantizationOps(OpTable &table);
void addRecurrentOps(OpTable &table);
void addReductionOps(OpTable &table);
void addResamplingOps(OpTable &table);
void addShapeOps(OpTable &table);
void addSignalOps(OpTable &table);

} // namespace edgecc::importer
