// Ops with equal kinds, operands and attributes compute equal results: one of them is enough. Equal
// scalar and small constants count as the same operand; large parameters keep their identity.
#include "passes/Passes.h"
#include "passes/Rewrite.h"

#include "ir/Text.h"

#include <cstring>
#include <unordered_map>

namespace edgecc {

namespace {

constexpr size_t kSmallConstantBytes = 64;

class Merger {
public:
  explicit Merger(Statistics &statistics) : statistics_(statistics) {}

  // What is known in a block is known in the regions inside, too.
  void block(Block &block) {
    auto known = known_;
    for (Op *op : block.snapshot()) {
      for (unsigned i = 0; i < op->numRegions(); ++i)
        this->block(op->region(i));
      if (op->def().is(OpTrait::Terminator) || op->numRegions() ||
          (op->parameter && op->parameter->trainable))
        continue;
      std::string key = keyOf(*op);
      if (key.empty())
        continue;
      auto [it, isNew] = known_.try_emplace(std::move(key), op);
      if (isNew)
        continue;
      for (unsigned i = 0; i < op->numResults(); ++i)
        op->result(i)->replaceAllUsesWith(it->second->result(i));
      if (!op->parameter)
        statistics_.add("equal ops merged");
      op->erase();
    }
    known_ = std::move(known);
  }

private:
  // Equal for ops that compute the same; empty for ops that are not compared.
  std::string keyOf(const Op &op) {
    std::string key(op.name());
    if (op.parameter) {
      const Tensor &content = op.parameter->content;
      if (content.bytes() > kSmallConstantBytes)
        return key + "@" + op.parameter->name;
      key += content.type().str();
      key.append(reinterpret_cast<const char *>(content.raw()), content.bytes());
      return key;
    }
    for (const Value *operand : op.operands()) {
      key.push_back('(');
      key.append(reinterpret_cast<const char *>(&operand), sizeof operand);
    }
    for (const auto &[name, value] : op.attributes())
      key += ";" + name + "=" + print(value);
    return key + "#" + std::to_string(op.numResults());
  }

  Statistics &statistics_;
  std::unordered_map<std::string, Op *> known_;
};

} // namespace

Expected<void> mergeCommonSubexpressions(Module &module, PassContext &context) {
  for (const auto &function : module.functions())
    Merger(context.statistics).block(function->body);
  return {};
}

} // namespace edgecc
