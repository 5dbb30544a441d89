#include "ir/Extract.h"

#include <unordered_set>

namespace edgecc {

namespace {

class Needed {
public:
  Needed(const Block &body, std::span<const Value *const> inputs,
         std::span<const Value *const> outputs)
      : values_(outputs.begin(), outputs.end()), given_(inputs.begin(), inputs.end()) {
    for (auto op = body.ops().rbegin(); op != body.ops().rend(); ++op)
      if ((*op)->kind() != OpKind::Yield && yieldsNeeded(**op)) {
        ops_.insert(op->get());
        read(**op);
      }
  }
  bool contains(const Op &op) const { return ops_.count(&op) != 0; }

private:
  bool yieldsNeeded(const Op &op) const {
    for (unsigned i = 0; i < op.numResults(); ++i)
      if (values_.count(op.result(i)) && !given_.count(op.result(i)))
        return true;
    return false;
  }
  // Regions read values from outside.
  void read(const Op &op) {
    values_.insert(op.operands().begin(), op.operands().end());
    for (unsigned i = 0; i < op.numRegions(); ++i)
      for (const auto &inner : op.region(i).ops())
        read(*inner);
  }

  std::unordered_set<const Value *> values_, given_;
  std::unordered_set<const Op *> ops_;
};

// Param ops of a copied block still name the parameters of the module they came from.
void adoptParameters(Module &module, const Block &block) {
  std::map<const Parameter *, Parameter *> adopted;
  walk(block, [&](Op &op) {
    if (!op.parameter)
      return;
    Parameter *&copy = adopted[op.parameter];
    if (!copy)
      copy =
          &module.addParameter(op.parameter->name, op.parameter->content, op.parameter->trainable);
    op.parameter = copy;
  });
}

} // namespace

std::unique_ptr<Module> extract(const Function &function, std::span<const Value *const> outputs,
                                ValueMapping *mapping) {
  std::vector<const Value *> arguments;
  for (const auto &argument : function.body.arguments())
    arguments.push_back(argument.get());
  return extractBetween(function, arguments, outputs, mapping);
}

std::unique_ptr<Module> extractBetween(const Function &function,
                                       std::span<const Value *const> inputs,
                                       std::span<const Value *const> outputs,
                                       ValueMapping *mapping) {
  auto module = std::make_unique<Module>();
  module->name = function.name;
  Function &copy = module->addFunction(function.name);
  ValueMapping map;
  for (const Value *input : inputs) {
    copy.inputs.push_back({"x" + std::to_string(copy.inputs.size()), {}});
    Value *to = map[input] = copy.body.addArgument(input->type);
    to->provenance = input->provenance;
  }
  Needed needed(function.body, inputs, outputs);
  Builder builder(*module, copy.body);
  for (const auto &op : function.body.ops())
    if (needed.contains(*op))
      cloneOp(builder, *op, map);
  std::vector<Value *> yields;
  for (const Value *output : outputs) {
    copy.outputs.push_back({"y" + std::to_string(yields.size()), {}});
    yields.push_back(map.at(output));
  }
  builder.yield(yields);
  adoptParameters(*module, copy.body);
  if (mapping)
    *mapping = std::move(map);
  return module;
}

} // namespace edgecc
