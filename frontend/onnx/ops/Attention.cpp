#include "frontend/onnx/ops/Emit.h"
#include "frontend/onnx/ops/OpTable.h"

namespace edgecc::importer {

void addAttentionOps(OpTable &) {}

} // namespace edgecc::importer
