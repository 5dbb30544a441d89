#include "ir/Builder.h"
#include "ir/Text.h"
#include "ir/TextScanner.h"
#include "ir/Verifier.h"

#include <set>
#include <unordered_map>

namespace edgecc {

namespace {

constexpr unsigned kMaxNesting = 64;
constexpr int64_t kMaxElidedBytes = int64_t{1} << 30; // of all parameters together

// What the text says about a value besides its name.
struct Annotations {
  Type type;
  Provenance provenance;
  std::optional<Storage> storage;
};

class Parser {
public:
  Parser(std::string_view text, std::string source)
      : scanner_(text, std::move(source)), module_(std::make_unique<Module>()) {}

  Expected<std::unique_ptr<Module>> module();

private:
  struct Name {
    std::string_view text;
    size_t position;
  };

  Expected<void> parameter();
  Expected<Tensor> content(const Type &type);
  Expected<void> function();
  Expected<void> functionArguments(Function &function);
  Expected<Preprocessing> preprocessing();
  Expected<Annotations> annotations(Type type);
  Expected<void> storage(Annotations &annotations);
  Expected<void> define(const Name &name, Value *value, Annotations &&annotations);
  Expected<std::vector<Name>> resultNames();
  Expected<std::vector<Value *>> operands();
  Expected<Attributes> attributes(const OpDef &def);
  Expected<std::vector<Annotations>> resultAnnotations();
  Expected<void> op(Block &block);
  Expected<void> finishOp(Op &op, size_t position, const std::vector<Name> &names,
                          std::vector<Annotations> &&results);
  Expected<void> ops(Block &block);
  Expected<void> region(Block &block);

  // Puts `position` into the diagnostics of what another part of ir/ found.
  tl::unexpected<Diagnostics> located(Diagnostics diagnostics, size_t position) {
    for (Diagnostic &diagnostic : diagnostics)
      diagnostic.where = scanner_.place(position);
    return tl::unexpected(std::move(diagnostics));
  }

  TextScanner scanner_;
  std::unique_ptr<Module> module_;
  std::set<std::string> functionNames_;
  std::unordered_map<std::string_view, Value *> values_;
  std::vector<std::string_view> scope_; // names in values_, innermost region last
  unsigned nesting_ = 0;
  int64_t elidedBytes_ = 0;
};

Expected<std::unique_ptr<Module>> Parser::module() {
  EDGECC_CHECK(scanner_.expect("module"));
  EDGECC_TRY(name, scanner_.string());
  module_->name = std::move(name);
  EDGECC_CHECK(scanner_.expect("{"));
  while (!scanner_.accept("}")) {
    if (scanner_.accept("param"))
      EDGECC_CHECK(parameter());
    else if (scanner_.accept("func"))
      EDGECC_CHECK(function());
    else
      return scanner_.fail("expected 'param', 'func' or '}'");
  }
  if (!scanner_.atEnd())
    return scanner_.fail("expected nothing after the module");
  EDGECC_CHECK(verify(*module_));
  return std::move(module_);
}

Expected<void> Parser::parameter() {
  size_t position = scanner_.position();
  EDGECC_TRY(name, scanner_.symbol());
  if (module_->findParameter(name))
    return error("there is already a parameter " + name, scanner_.place(position));
  EDGECC_CHECK(scanner_.expect(":"));
  EDGECC_TRY(type, scanner_.type());
  if (type.layout || !type.isStatic())
    return scanner_.failAtLast("a parameter is dense and has constant extents");
  bool trainable = scanner_.accept("trainable");
  EDGECC_CHECK(scanner_.expect("="));
  EDGECC_TRY(tensor, content(type));
  module_->addParameter(std::move(name), std::move(tensor), trainable);
  return {};
}

Expected<Tensor> Parser::content(const Type &type) {
  if (!scanner_.accept("elided"))
    return scanner_.content(type);
  if (type.bytes() > kMaxElidedBytes - elidedBytes_)
    return scanner_.failAtLast("the elided parameters are larger than 1 GiB together");
  elidedBytes_ += type.bytes();
  return Tensor(type.dtype, type.dims);
}

Expected<void> Parser::function() {
  size_t position = scanner_.position();
  EDGECC_TRY(name, scanner_.symbol());
  if (!functionNames_.insert(name).second)
    return error("there is already a function " + name, scanner_.place(position));
  Function &function = module_->addFunction(std::move(name));
  values_.clear();
  scope_.clear();
  EDGECC_CHECK(functionArguments(function));
  EDGECC_CHECK(scanner_.expect("->"));
  EDGECC_CHECK(scanner_.expect("("));
  if (!scanner_.accept(")")) {
    do {
      EDGECC_TRY(output, scanner_.string());
      EDGECC_TRY(pixels, preprocessing());
      function.outputs.push_back({std::move(output), std::move(pixels)});
    } while (scanner_.accept(","));
    EDGECC_CHECK(scanner_.expect(")"));
  }
  EDGECC_CHECK(scanner_.expect("{"));
  EDGECC_CHECK(ops(function.body));
  if (function.outputs.size() != function.body.yields().size())
    return scanner_.failAtLast("the function yields " +
                               std::to_string(function.body.yields().size()) + " values, but has " +
                               std::to_string(function.outputs.size()) + " outputs");
  return {};
}

Expected<void> Parser::functionArguments(Function &function) {
  EDGECC_CHECK(scanner_.expect("("));
  if (scanner_.accept(")"))
    return {};
  do {
    size_t position = scanner_.position();
    EDGECC_TRY(name, scanner_.valueName());
    EDGECC_CHECK(scanner_.expect(":"));
    EDGECC_TRY(type, scanner_.type());
    EDGECC_TRY(port, scanner_.string());
    EDGECC_TRY(about, annotations(std::move(type)));
    EDGECC_TRY(pixels, preprocessing());
    function.inputs.push_back({std::move(port), std::move(pixels)});
    Value *argument = function.body.addArgument(about.type);
    EDGECC_CHECK(define({name, position}, argument, std::move(about)));
  } while (scanner_.accept(","));
  return scanner_.expect(")");
}

Expected<Preprocessing> Parser::preprocessing() {
  Preprocessing pixels;
  if (!scanner_.accept("pixels"))
    return pixels;
  EDGECC_TRY(layout, scanner_.string());
  EDGECC_TRY(channelOrder, scanner_.string());
  EDGECC_CHECK(scanner_.expect("mean"));
  EDGECC_TRY(mean, scanner_.reals());
  EDGECC_CHECK(scanner_.expect("scale"));
  EDGECC_TRY(scale, scanner_.reals());
  return Preprocessing{std::move(layout), std::move(channelOrder), std::move(mean),
                       std::move(scale), scanner_.accept("compiled")};
}

Expected<Annotations> Parser::annotations(Type type) {
  Annotations result{std::move(type), {}, {}};
  if (scanner_.accept("from")) {
    Provenance &from = result.provenance;
    EDGECC_TRY(tensor, scanner_.string());
    from.tensor = std::move(tensor);
    if (scanner_.accept("axis")) {
      EDGECC_TRY(axis, scanner_.integer());
      if (axis < 0 || axis >= static_cast<int64_t>(kMaxRank))
        return scanner_.failAtLast("there is no such axis");
      from.axis = static_cast<int>(axis);
    }
    if (scanner_.accept("channels")) {
      EDGECC_TRY(channels, scanner_.integers());
      from.channelMap = std::move(channels);
    }
    if (scanner_.accept("scale")) {
      EDGECC_TRY(scale, scanner_.reals());
      from.scale = std::move(scale);
    }
  }
  if (scanner_.accept("at"))
    EDGECC_CHECK(storage(result));
  return result;
}

Expected<void> Parser::storage(Annotations &annotations) {
  Storage at;
  size_t space = 0;
  while (space < std::size(kSpaceNames) && !scanner_.accept(kSpaceNames[space]))
    ++space;
  if (space == std::size(kSpaceNames))
    return scanner_.fail("expected 'input', 'output', 'weights' or 'arena'");
  at.space = static_cast<Storage::Space>(space);
  EDGECC_TRY(index, scanner_.integer());
  if (index < 0 || index > UINT32_MAX)
    return scanner_.failAtLast("the index is out of range");
  at.index = static_cast<uint32_t>(index);
  EDGECC_CHECK(scanner_.expect("+"));
  EDGECC_TRY(offset, scanner_.integer());
  at.offset = offset;
  EDGECC_CHECK(scanner_.expect("strides"));
  EDGECC_TRY(strides, scanner_.integers());
  at.strides = std::move(strides);
  annotations.storage = std::move(at);
  return {};
}

Expected<void> Parser::define(const Name &name, Value *value, Annotations &&annotations) {
  value->type = std::move(annotations.type);
  value->provenance = std::move(annotations.provenance);
  value->storage = std::move(annotations.storage);
  if (!values_.emplace(name.text, value).second)
    return error("there is already a value %" + std::string(name.text),
                 scanner_.place(name.position));
  scope_.push_back(name.text);
  return {};
}

Expected<std::vector<Parser::Name>> Parser::resultNames() {
  std::vector<Name> names;
  if (!scanner_.startsWith('%'))
    return names;
  do {
    size_t position = scanner_.position();
    EDGECC_TRY(name, scanner_.valueName());
    names.push_back({name, position});
  } while (scanner_.accept(","));
  EDGECC_CHECK(scanner_.expect("="));
  return names;
}

Expected<std::vector<Value *>> Parser::operands() {
  std::vector<Value *> values;
  EDGECC_CHECK(scanner_.expect("("));
  if (scanner_.accept(")"))
    return values;
  do {
    if (scanner_.accept("_")) {
      values.push_back(nullptr);
      continue;
    }
    size_t position = scanner_.position();
    EDGECC_TRY(name, scanner_.valueName());
    auto it = values_.find(name);
    if (it == values_.end())
      return error("%" + std::string(name) + " is not defined here", scanner_.place(position));
    values.push_back(it->second);
  } while (scanner_.accept(","));
  EDGECC_CHECK(scanner_.expect(")"));
  return values;
}

Expected<Attributes> Parser::attributes(const OpDef &def) {
  Attributes attributes;
  if (scanner_.startsRegion() || !scanner_.accept("{"))
    return attributes;
  do {
    EDGECC_TRY(name, scanner_.word());
    const AttributeDef *declared = def.findAttribute(name);
    if (!declared)
      return scanner_.failAtLast(def.name + " has no attribute " + std::string(name));
    if (attributes.contains(name))
      return scanner_.failAtLast("the attribute " + std::string(name) + " is given twice");
    EDGECC_CHECK(scanner_.expect("="));
    EDGECC_TRY(value, scanner_.attribute(declared->kind));
    attributes.emplace(name, std::move(value));
  } while (scanner_.accept(","));
  EDGECC_CHECK(scanner_.expect("}"));
  return attributes;
}

Expected<std::vector<Annotations>> Parser::resultAnnotations() {
  std::vector<Annotations> results;
  if (!scanner_.accept(":"))
    return results;
  do {
    EDGECC_TRY(type, scanner_.type());
    EDGECC_TRY(about, annotations(std::move(type)));
    results.push_back(std::move(about));
  } while (scanner_.accept(","));
  return results;
}

Expected<void> Parser::op(Block &block) {
  size_t position = scanner_.position();
  EDGECC_TRY(names, resultNames());
  EDGECC_TRY(opName, scanner_.word());
  const OpDef *def = findOpDef(opName);
  if (!def)
    return scanner_.failAtLast("there is no op " + std::string(opName));

  Parameter *parameter = nullptr;
  std::vector<Value *> inputs;
  if (def->kind == OpKind::Param) {
    EDGECC_TRY(name, scanner_.symbol());
    parameter = module_->findParameter(name);
    if (!parameter)
      return scanner_.failAtLast("there is no parameter " + name + " above");
  } else {
    EDGECC_TRY(values, operands());
    inputs = std::move(values);
  }
  EDGECC_TRY(given, attributes(*def));
  EDGECC_TRY(results, resultAnnotations());
  Builder builder(*module_, block);
  if (scanner_.accept("loc")) {
    EDGECC_TRY(location, scanner_.string());
    builder.location = std::move(location);
  }

  bool regionFailed = false;
  auto created =
      builder.tryCreate(def->kind, inputs, std::move(given), [&](Op &op) -> Expected<void> {
        op.parameter = parameter;
        for (unsigned i = 0; i < op.numRegions(); ++i) {
          auto parsed = region(op.region(i));
          regionFailed = !parsed;
          EDGECC_CHECK(std::move(parsed));
        }
        return {};
      });
  if (!created)
    return regionFailed ? tl::unexpected(std::move(created.error()))
                        : located(std::move(created.error()), position);
  return finishOp(**created, position, names, std::move(results));
}

Expected<void> Parser::finishOp(Op &op, size_t position, const std::vector<Name> &names,
                                std::vector<Annotations> &&results) {
  auto fail = [&](const std::string &what) { return error(what, scanner_.place(position)); };
  if (names.size() != op.numResults() || results.size() != op.numResults())
    return fail(std::string(op.name()) + " has " + std::to_string(op.numResults()) +
                " results; the text names " + std::to_string(names.size()) + " and gives " +
                std::to_string(results.size()) + " types");
  for (unsigned i = 0; i < op.numResults(); ++i) {
    if (!sameLogicalType(op.result(i)->type, results[i].type))
      return fail("result " + std::to_string(i) + " of " + std::string(op.name()) + " is " +
                  op.result(i)->type.str() + ", not " + results[i].type.str());
    EDGECC_CHECK(define(names[i], op.result(i), std::move(results[i])));
  }
  return {};
}

// Up to and with the closing brace.
Expected<void> Parser::ops(Block &block) {
  while (!scanner_.accept("}")) {
    if (!block.empty() && block.ops().back()->def().is(OpTrait::Terminator))
      return scanner_.fail("expected '}' after the Yield");
    EDGECC_CHECK(op(block));
  }
  if (block.empty() || !block.ops().back()->def().is(OpTrait::Terminator))
    return scanner_.failAtLast("a block ends in a Yield");
  return {};
}

Expected<void> Parser::region(Block &block) {
  if (nesting_ == kMaxNesting)
    return scanner_.fail("regions are nested too deeply");
  ++nesting_;
  size_t outer = scope_.size();
  EDGECC_CHECK(scanner_.expect("{"));
  EDGECC_CHECK(scanner_.expect("^"));
  EDGECC_CHECK(scanner_.expect("("));
  if (!scanner_.accept(")")) {
    do {
      size_t position = scanner_.position();
      EDGECC_TRY(name, scanner_.valueName());
      EDGECC_CHECK(scanner_.expect(":"));
      EDGECC_TRY(type, scanner_.type());
      EDGECC_TRY(about, annotations(std::move(type)));
      Value *argument = block.addArgument(about.type);
      EDGECC_CHECK(define({name, position}, argument, std::move(about)));
    } while (scanner_.accept(","));
    EDGECC_CHECK(scanner_.expect(")"));
  }
  EDGECC_CHECK(ops(block));
  for (; scope_.size() > outer; scope_.pop_back())
    values_.erase(scope_.back());
  --nesting_;
  return {};
}

} // namespace

Expected<std::unique_ptr<Module>> parse(std::string_view text, std::string source) {
  return Parser(text, std::move(source)).module();
}

} // namespace edgecc
