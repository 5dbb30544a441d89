// High-bias absorption (Nagel et al. 2019, section 4.1.3): where relu(z) >= c for almost all z,
//   W2 relu(W1 x + b1) + b2 ~ W2 relu(W1 x + b1 - c) + (b2 + W2 c)
// so that the activations between the layers lose their common offset and need a smaller range.
// Exact for every input whose pre-activations stay above c.
#include "passes/channels/Rescale.h"
#include "passes/compress/Passes.h"
#include "passes/compress/equalization/ChannelSummary.h"

#include <algorithm>

namespace edgecc {

Expected<void> absorbBias(Module &module, PassContext &context) {
  const std::string &bound = context.options.text("bound");
  if (bound != "deviations" && bound != "minimum")
    return error("option bound of absorb-bias is deviations or minimum, not '" + bound + "'");
  Block &body = module.main().body;
  const ChannelClasses classes(body, {.change = FlowOptions::Change::Shift, .throughRelu = true});
  std::vector<ChannelsOf> values;
  for (const auto &op : body.ops()) {
    const LinearLayer *layer = classes.layer(*op);
    if (!layer || !layer->takesBias)
      continue;
    const Labels &labels = *classes.labels(*op->result());
    const ChannelClass &first = classes.classes()[labels.at(0)];
    if (std::ranges::any_of(labels.ids, [&](uint32_t id) { return classes.isFree(id); }))
      values.push_back({op->result(), layer->outputAxis});
    else if (first.blocker && first.blocker->def().is(OpTrait::Contraction))
      context.statistics.add("layers not absorbed: " + first.reason);
  }
  if (values.empty())
    return {};
  EDGECC_TRY(seen, summarizeChannels(module, context, values, context.options.integer("samples")));
  std::vector<double> shifts(classes.classes().size(), 0.0);
  for (size_t i = 0; i < values.size(); ++i)
    for (size_t c = 0; c < seen[i].size(); ++c) {
      uint32_t id = classes.labels(*values[i].value)->at(static_cast<int64_t>(c));
      const ChannelSummary &channel = seen[i][c];
      double low = bound == "minimum" ? channel.low : channel.mean - 3 * channel.deviation;
      if (!classes.isFree(id) || low <= 0)
        continue;
      shifts[id] = low;
      context.statistics.add("channels absorbed");
      if (channel.low < low)
        context.statistics.add("channels absorbed that the data cross");
    }
  applyShifts(module, body, classes, shifts);
  return {};
}

} // namespace edgecc
