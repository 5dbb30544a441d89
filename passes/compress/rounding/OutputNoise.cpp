#include "passes/compress/rounding/OutputNoise.h"

#include "passes/Rewrite.h"
#include "passes/compress/precision/OutputError.h"

#include <algorithm>

namespace edgecc {

static std::vector<const Value *> outputsOf(const Function &function) {
  std::vector<const Value *> outputs;
  for (const Value *output : function.body.yields()) {
    const Op *softmax = definedBy(output, OpKind::Softmax);
    const Value *value = softmax ? softmax->operand(0) : output;
    if (value->type.dtype == DType::F32)
      outputs.push_back(value);
  }
  return outputs;
}

Expected<double> outputNoise(const Function &quantized, const Function &reference,
                             Executor &executor, DataSource &data, size_t count) {
  std::vector<const Value *> found = outputsOf(quantized), wanted = outputsOf(reference);
  if (found.size() != wanted.size() || found.empty())
    return 0;
  EDGECC_TRY(after, executor.prepare(quantized, found));
  EDGECC_TRY(before, executor.prepare(reference, wanted));
  OutputError error;
  count = std::min(count, data.size());
  for (size_t i = 0; i < count; ++i) {
    EDGECC_TRY(inputs, data.sample(i * data.size() / count));
    EDGECC_TRY(values, after->run(inputs));
    EDGECC_TRY(references, before->run(inputs));
    error.add(references, values);
  }
  return error.relative();
}

} // namespace edgecc
