// The provenance metadata of ONNX files with arbitrary bytes in it: what is read leaves the module
// valid, and tensors are compared by it without leaving their bounds.
#include "driver/report/Correspondence.h"
#include "frontend/onnx/ProvenanceMetadata.h"
#include "ir/Builder.h"
#include "ir/Verifier.h"

#include <cstdlib>

using namespace edgecc;

static void check(bool condition) {
  if (!condition)
    std::abort();
}

// y = Relu(h), h = Neg(x), with so many channels.
static std::unique_ptr<Module> network(int64_t channels) {
  auto module = std::make_unique<Module>();
  Function &function = module->addFunction("main");
  Value *x = function.body.addArgument({DType::F32, {1, channels, 2}, 0, {}});
  function.inputs.push_back({"x", {}});
  function.outputs.push_back({"y", {}});
  Builder builder(*module, function.body);
  Value *h = builder.create(OpKind::Neg, {x});
  Value *y = builder.create(OpKind::Relu, {h});
  x->provenance.tensor = "x";
  h->provenance.tensor = "h";
  y->provenance.tensor = "y";
  builder.yield(std::span(&y, 1));
  return module;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  onnx::ModelProto model;
  onnx::StringStringEntryProto &property = *model.add_metadata_props();
  property.set_key("edgecc.provenance");
  property.set_value(std::string(reinterpret_cast<const char *>(data), size));
  auto original = network(4), pruned = network(3);
  readProvenance(model, *pruned);
  check(verify(*pruned).has_value());
  for (const auto &[a, b] :
       {std::pair(&pruned->main(), &original->main()),
        std::pair(&original->main(), &pruned->main()), std::pair(&pruned->main(), &pruned->main())})
    for (const driver::Correspondence &pair : driver::correspond(*a, *b)) {
      driver::Difference difference;
      difference.add(pair, Tensor(DType::F32, pair.a->dims()), Tensor(DType::F32, pair.b->dims()));
      check(difference.elements() > 0);
    }
  (void)clone(*pruned);
  return 0;
}
