#include "driver/NativeExecutor.h"

#include "backends/native/Native.h"
#include "backends/native/ObjectCache.h"
#include "ir/Extract.h"

#include <algorithm>

namespace edgecc::driver {

namespace {

using Values = std::span<const Value *const>;

// What is computed among the wanted values, each once; arguments and constants need no code.
std::vector<const Value *> computed(Values values) {
  std::vector<const Value *> out;
  for (const Value *value : values)
    if (value->definingOp() && !constantOf(value) && std::ranges::find(out, value) == out.end())
      out.push_back(value);
  return out;
}

// Why the runtime's C API cannot feed the function; empty if it can.
std::string whyUnfeedable(const Function &function) {
  for (const auto &argument : function.body.arguments())
    if (!argument->type.isStatic())
      return "the extents of its inputs are known at run time only";
  return {};
}

class NativeSession : public Executor::Session {
public:
  // `blob` yields `outputs` in order and is null if there are none.
  NativeSession(std::shared_ptr<LoadedBlob> blob, const Function &function, Values outputs,
                Values wanted)
      : blob_(std::move(blob)) {
    for (const auto &argument : function.body.arguments())
      inputTypes_.push_back(argument->type);
    for (const Value *value : wanted) {
      Source source;
      if (const Tensor *constant = constantOf(value)) {
        source.kind = Source::Constant;
        source.constant = *constant;
      } else if (!value->definingOp()) {
        source.kind = Source::Input;
        source.index = value->index();
      } else {
        source.index = static_cast<unsigned>(std::ranges::find(outputs, value) - outputs.begin());
      }
      sources_.push_back(std::move(source));
    }
  }

  Expected<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
    if (inputs.size() != inputTypes_.size())
      return error("the function takes " + std::to_string(inputTypes_.size()) + " inputs, not " +
                   std::to_string(inputs.size()));
    for (size_t i = 0; i < inputs.size(); ++i)
      if (!sameLogicalType(inputs[i].type(), inputTypes_[i]))
        return error("input " + std::to_string(i) + " is " + inputs[i].type().str() + ", not " +
                     inputTypes_[i].str());
    if (blob_) {
      EDGECC_CHECK(blob_->setInputs(inputs));
      EDGECC_CHECK(blob_->run());
    }
    std::vector<Tensor> results;
    for (const Source &source : sources_)
      results.push_back(source.kind == Source::Constant ? source.constant
                        : source.kind == Source::Input  ? inputs[source.index]
                                                        : blob_->outputView(source.index, blob_));
    return results;
  }

private:
  struct Source {
    enum { Output, Input, Constant } kind = Output;
    unsigned index = 0;
    Tensor constant;
  };
  std::shared_ptr<LoadedBlob> blob_;
  std::vector<Type> inputTypes_;
  std::vector<Source> sources_;
};

Expected<std::shared_ptr<LoadedBlob>> compile(const Function &function, Values outputs,
                                              const NativeOptions &options) {
  if (std::string why = whyUnfeedable(function); !why.empty())
    return error(why);
  EDGECC_TRY(bytes, compileToBlob(extract(function, outputs), options));
  EDGECC_TRY(blob, LoadedBlob::load(std::move(bytes), options.threads));
  return std::make_shared<LoadedBlob>(std::move(blob));
}

} // namespace

NativeExecutor::NativeExecutor(NativeOptions options) : options_(std::move(options)) {
  if (!options_.cache)
    options_.cache = std::make_shared<native::ObjectCache>();
}

Expected<std::unique_ptr<Executor::Session>>
NativeExecutor::prepare(const Function &function, std::span<const Value *const> values) {
  std::vector<const Value *> outputs = computed(values);
  std::shared_ptr<LoadedBlob> blob;
  if (!outputs.empty()) {
    auto compiled = compile(function, outputs, options_);
    if (!compiled) {
      warn("'" + function.name + "' runs on the slow reference backend, because it cannot be " +
           "compiled for this machine: " + compiled.error().front().str());
      return reference_.prepare(function, values);
    }
    blob = std::move(*compiled);
  }
  return std::make_unique<NativeSession>(std::move(blob), function, outputs, values);
}

Expected<std::vector<Tensor>> NativeExecutor::run(const Function &function,
                                                  std::span<const Tensor> inputs,
                                                  const Observer &observer) {
  if (observer)
    return reference_.run(function, inputs, observer);
  EDGECC_TRY(session, prepare(function, std::span<const Value *const>(function.body.yields())));
  return session->run(inputs);
}

Expected<std::vector<Tensor>> NativeExecutor::evaluate(const Op &op,
                                                       std::span<const Tensor> operands) {
  return reference_.evaluate(op, operands);
}

void NativeExecutor::warn(std::string sentence) {
  if (std::ranges::find(warnings_, sentence) == warnings_.end())
    warnings_.push_back(std::move(sentence));
}

} // namespace edgecc::driver
