#include "ir/Module.h"

#include "ir/Builder.h"

#include <algorithm>
#include <cassert>
#include <set>

namespace edgecc {

Function &Module::addFunction(std::string name) {
  assert(!findFunction(name) && "the function's name is taken");
  return *functions_.emplace_back(std::make_unique<Function>(std::move(name)));
}

Function *Module::findFunction(std::string_view name) const {
  auto it = std::ranges::find_if(functions_, [&](const auto &f) { return f->name == name; });
  return it == functions_.end() ? nullptr : it->get();
}

Function &Module::main() const {
  assert(!functions_.empty());
  return *functions_.front();
}

std::string Module::freeParameterName(std::string name) {
  if (!findParameter(name))
    return name;
  unsigned &next = nextSuffix_[name];
  std::string candidate;
  do
    candidate = name + "." + std::to_string(++next);
  while (findParameter(candidate));
  return candidate;
}

Parameter &Module::addParameter(std::string name, Tensor content, bool trainable) {
  auto parameter = std::make_unique<Parameter>();
  parameter->name = freeParameterName(std::move(name));
  parameter->content = std::move(content);
  parameter->trainable = trainable;
  parameterByName_[parameter->name] = parameter.get();
  return *parameters_.emplace_back(std::move(parameter));
}

void Module::rename(Parameter &parameter, std::string name) {
  if (parameter.name == name)
    return;
  parameterByName_.erase(parameter.name);
  parameter.name = freeParameterName(std::move(name));
  parameterByName_[parameter.name] = &parameter;
}

Parameter *Module::findParameter(std::string_view name) const {
  auto it = parameterByName_.find(name);
  return it == parameterByName_.end() ? nullptr : it->second;
}

void Module::eraseUnusedParameters() {
  std::set<const Parameter *> used;
  for (const auto &function : functions_)
    walk(function->body, [&](const Op &op) { used.insert(op.parameter); });
  std::erase_if(parameters_, [&](const auto &parameter) {
    if (used.contains(parameter.get()))
      return false;
    parameterByName_.erase(parameter->name);
    return true;
  });
}

std::unique_ptr<Module> clone(const Module &module) {
  auto copy = std::make_unique<Module>();
  copy->name = module.name;
  for (const auto &parameter : module.parameters())
    copy->addParameter(parameter->name, parameter->content, parameter->trainable);
  for (const auto &function : module.functions()) {
    Function &to = copy->addFunction(function->name);
    to.inputs = function->inputs;
    to.outputs = function->outputs;
    ValueMapping mapping;
    cloneBlock(*copy, function->body, to.body, mapping);
    walk(to.body, [&](Op &op) {
      if (op.parameter)
        op.parameter = copy->findParameter(op.parameter->name);
    });
  }
  return copy;
}

const Tensor *constantOf(const Value *value) {
  const Op *op = value ? value->definingOp() : nullptr;
  return op && op->parameter ? &op->parameter->content : nullptr;
}

} // namespace edgecc
