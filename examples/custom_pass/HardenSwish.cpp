// Replaces Swish, x * sigmoid(x), by HardSwish, x * max(0, min(1, x / 6 + 1 / 2)), which needs no
// exponential (Howard et al., "Searching for MobileNetV3", 2019). The two differ by at most 0.15,
// so that a network usually has to be fine-tuned after it: an example of a pass, not a free lunch.
#include <passes/Plugin.h>
#include <passes/Rewrite.h>

using namespace edgecc;

// Every Swish with alpha = 1 whose node name starts with the option `prefix`.
static Expected<void> hardenSwish(Module &module, PassContext &context) {
  const std::string &prefix = context.options.text("prefix");
  for (const auto &function : module.functions())
    forEachBlock(function->body, [&](Block &block) {
      for (Op *op : block.snapshot()) {
        if (op->kind() != OpKind::Swish || op->real("alpha") != 1 ||
            !op->location.starts_with(prefix))
          continue;
        Builder builder(module);
        builder.setInsertionBefore(op);
        builder.location = op->location;
        replaceOp(op, builder.create(OpKind::HardSwish, {op->operand(0)}));
        context.statistics.add("Swish ops hardened");
      }
    });
  return {};
}

EDGECC_PASS_PLUGIN(registry) {
  registry.add({"harden-swish",
                "Replaces Swish by HardSwish, which is close to it and needs no exponential.",
                hardenSwish,
                {{"prefix", std::string(), "only nodes whose name starts with this"}}});
}
