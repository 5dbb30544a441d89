#include "driver/report/ModelDiff.h"

#include "driver/CalibrationData.h"
#include "driver/Load.h"
#include "driver/NativeExecutor.h"
#include "driver/RuntimeModel.h"
#include "passes/PassManager.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace edgecc::driver {

namespace {

// A blob, or a module.
struct Version {
  std::unique_ptr<Module> module;
  std::unique_ptr<RuntimeModel> blob;
};

// Makes inputs take raw pixels as a compile with --image-input did. Those of a module that was
// written after such a compile already do.
Expected<void> takePixels(Module &module, const std::vector<std::string> &imageInputs) {
  Registry registry;
  registerBuiltinPasses(registry);
  for (const std::string &input : imageInputs) {
    EDGECC_TRY(passes, registry.parse("image-input{" + input + "}"));
    const Function &function = module.main();
    const std::string &name = passes[0].options.text("name");
    auto port = std::ranges::find_if(
        function.inputs, [&](const Port &each) { return name.empty() || each.name == name; });
    if (port != function.inputs.end() &&
        function.body.argument(static_cast<unsigned>(port - function.inputs.begin()))->type.dtype ==
            DType::U8)
      continue;
    EDGECC_CHECK(runPasses(module, passes, {}));
  }
  return {};
}

Expected<Version> loadVersion(const std::filesystem::path &path, const DiffOptions &o) {
  Version version;
  EDGECC_TRY(kind, detectFile(path));
  if (kind == FileKind::Blob) {
    EDGECC_TRY(blob, RuntimeModel::load(path, 1));
    version.blob = std::make_unique<RuntimeModel>(std::move(blob));
    return version;
  }
  LoadOptions load;
  if (kind == FileKind::Onnx) {
    load.shapes = o.shapes;
    load.shapesFrom = o.shapesFrom;
  }
  EDGECC_TRY(module, loadModule(path, load));
  EDGECC_CHECK(takePixels(*module, o.imageInputs));
  version.module = std::move(module);
  return version;
}

// A function with the ports of a blob and nothing in it: what data and outputs are matched against.
std::unique_ptr<Module> signatureOf(const RuntimeModel &blob) {
  auto module = std::make_unique<Module>();
  Function &function = module->addFunction("main");
  for (const RunnableModel::Port &port : blob.inputs()) {
    function.body.addArgument(port.type);
    Preprocessing p;
    p.layout = port.image.layout == ImageLayout::NHWC ? "NHWC" : "NCHW";
    p.channelOrder = port.image.order == ChannelOrder::BGR    ? "BGR"
                     : port.image.order == ChannelOrder::Gray ? "GRAY"
                                                              : "RGB";
    p.mean = port.image.mean;
    p.scale = port.image.scale;
    function.inputs.push_back({port.name, std::move(p)});
  }
  return module;
}

Expected<std::vector<Tensor>> runBlob(RuntimeModel &blob, std::span<const Tensor> inputs) {
  for (unsigned i = 0; i < inputs.size(); ++i)
    EDGECC_CHECK(blob.setInput(i, inputs[i]));
  EDGECC_CHECK(blob.run());
  std::vector<Tensor> outputs;
  for (unsigned i = 0; i < blob.outputs().size(); ++i)
    outputs.push_back(blob.output(i));
  return outputs;
}

std::vector<std::string> outputNames(const Version &version) {
  std::vector<std::string> names;
  if (version.blob) {
    for (const RunnableModel::Port &port : version.blob->outputs())
      names.push_back(port.name);
  } else {
    for (const Port &port : version.module->main().outputs)
      names.push_back(port.name);
  }
  return names;
}

Expected<void> checkInputs(const Function &a, const Function &b) {
  if (a.body.numArguments() != b.body.numArguments())
    return error(fmt::format("the versions have {} and {} inputs", a.body.numArguments(),
                             b.body.numArguments()));
  for (unsigned i = 0; i < a.body.numArguments(); ++i)
    if (!sameLogicalType(a.body.argument(i)->type, b.body.argument(i)->type))
      return error(fmt::format("input '{}' is {} in one version and {} in the other",
                               a.inputs[i].name, a.body.argument(i)->type.str(),
                               b.body.argument(i)->type.str()),
                   "", "give the --shape and --image-input that the versions were compiled with");
  return {};
}

// Outputs of the same name have the same extents, so that none is left out silently.
Expected<void> checkOutputs(const Function &a, const Function &b) {
  for (size_t i = 0; i < a.body.yields().size(); ++i)
    for (size_t j = 0; j < b.body.yields().size(); ++j) {
      const Type &left = a.body.yields()[i]->type, &right = b.body.yields()[j]->type;
      if (a.outputs[i].name == b.outputs[j].name && left.dims != right.dims)
        return error(fmt::format("output '{}' is {} in one version and {} in the other",
                                 a.outputs[i].name, left.str(), right.str()));
    }
  return {};
}

// Whether what was computed has the extents that the pair speaks of; some depend on data.
bool fit(const Correspondence &pair, const Tensor &a, const Tensor &b) {
  if (pair.channels.empty())
    return a.dims() == b.dims();
  auto axis = static_cast<size_t>(pair.axis);
  if (a.dims()[axis] != pair.a->dims()[axis] || b.dims()[axis] != pair.b->dims()[axis])
    return false;
  Dims left = a.dims(), right = b.dims();
  left[axis] = right[axis] = 0;
  return left == right;
}

class Differ {
public:
  Differ(Version reference, Version other) : versions_{std::move(reference), std::move(other)} {
    for (int i : {0, 1})
      functions_[i] = versions_[i].module ? &versions_[i].module->main() : nullptr;
    for (int i : {0, 1})
      if (versions_[i].blob) {
        signatures_[i] = signatureOf(*versions_[i].blob);
        functions_[i] = &signatures_[i]->main();
      }
  }

  const Function &function(int i) const { return *functions_[i]; }
  bool onlyOutputs() const { return versions_[0].blob || versions_[1].blob; }

  // What is compared, and the sessions that yield it.
  Expected<std::vector<TensorDiff>> prepare() {
    std::vector<TensorDiff> tensors;
    if (onlyOutputs()) {
      auto theirs = outputNames(versions_[0]), ours = outputNames(versions_[1]);
      for (size_t i = 0; i < ours.size(); ++i) {
        auto found = std::ranges::find(theirs, ours[i]);
        if (found == theirs.end())
          continue;
        places_[0].push_back(static_cast<size_t>(found - theirs.begin()));
        places_[1].push_back(i);
        pairs_.push_back({ours[i], nullptr, nullptr, 0, {}});
        tensors.push_back({ours[i], "", {}, 0, {}});
      }
      for (int i : {0, 1})
        if (versions_[i].module) {
          const auto &yields = functions_[i]->body.yields();
          EDGECC_CHECK(open(i, {yields.begin(), yields.end()}));
        }
    } else {
      EDGECC_CHECK(checkOutputs(*functions_[0], *functions_[1]));
      pairs_ = correspond(*functions_[1], *functions_[0]);
      std::vector<const Value *> values[2];
      for (const Correspondence &pair : pairs_) {
        for (int i : {0, 1})
          places_[i].push_back(values[i].size());
        values[0].push_back(pair.b);
        values[1].push_back(pair.a);
        const Op *op = pair.b->definingOp();
        tensors.push_back(
            {pair.tensor,
             op ? op->location : "",
             pair.b->dims(),
             pair.channels.empty() || pair.a->dims() == pair.b->dims() ? 0 : pair.channels.size(),
             {}});
      }
      for (int i : {0, 1})
        EDGECC_CHECK(open(i, values[i]));
    }
    return tensors;
  }

  Expected<void> add(std::span<const Tensor> inputs, std::vector<TensorDiff> &tensors) {
    std::vector<Tensor> results[2];
    for (int i : {0, 1}) {
      auto ran =
          versions_[i].blob ? runBlob(*versions_[i].blob, inputs) : sessions_[i]->run(inputs);
      if (!ran)
        return tl::unexpected(ran.error());
      results[i] = std::move(*ran);
    }
    for (size_t t = 0; t < tensors.size(); ++t) {
      const Tensor &wanted = results[0][places_[0][t]], &found = results[1][places_[1][t]];
      tensors[t].dims = wanted.dims();
      if (!fit(pairs_[t], found, wanted))
        return error(fmt::format("'{}' is {} in one version and {} in the other", tensors[t].tensor,
                                 wanted.type().str(), found.type().str()));
      tensors[t].difference.add(pairs_[t], found, wanted);
    }
    return {};
  }

  const NativeExecutor &executor() const { return executor_; }

private:
  Expected<void> open(int i, const std::vector<const Value *> &values) {
    EDGECC_TRY(session, executor_.prepare(*functions_[i], values));
    sessions_[i] = std::move(session);
    return {};
  }

  Version versions_[2];
  std::unique_ptr<Module> signatures_[2];
  const Function *functions_[2];
  NativeExecutor executor_;
  std::unique_ptr<Executor::Session> sessions_[2];
  std::vector<Correspondence> pairs_;
  std::vector<size_t> places_[2]; // of each pair among the results of each version
};

} // namespace

const TensorDiff *ModelDiff::parted() const {
  auto found = std::ranges::find_if(tensors, [&](const TensorDiff &tensor) {
    return !(tensor.difference.sqnr() >= threshold); // NaN has parted
  });
  return found == tensors.end() ? nullptr : &*found;
}

Expected<ModelDiff> diffModels(const DiffOptions &o, std::vector<std::string> &warnings,
                               const std::function<void(size_t done, size_t total)> &progress) {
  EDGECC_TRY(reference, loadVersion(o.reference, o));
  EDGECC_TRY(other, loadVersion(o.other, o));
  Differ differ(std::move(reference), std::move(other));
  EDGECC_CHECK(checkInputs(differ.function(0), differ.function(1)));
  EDGECC_TRY(data, CalibrationData::open(o.inputs, differ.function(0),
                                         {.image = o.image, .samples = o.samples}));
  ModelDiff diff;
  diff.onlyOutputs = differ.onlyOutputs();
  diff.threshold = o.threshold;
  diff.samples = data->size();
  EDGECC_TRY(tensors, differ.prepare());
  if (tensors.empty())
    return error("the versions have no tensor in common", o.other.string(),
                 "compare versions of the same model");
  for (size_t i = 0; i < data->size(); ++i) {
    EDGECC_TRY(inputs, data->sample(i));
    EDGECC_CHECK(differ.add(inputs, tensors));
    if (progress)
      progress(i + 1, data->size());
  }
  diff.tensors = std::move(tensors);
  warnings = differ.executor().warnings();
  return diff;
}

} // namespace edgecc::driver
