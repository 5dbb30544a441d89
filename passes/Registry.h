// The list of passes by name.
#pragma once

#include "passes/Pass.h"

#include <memory>

namespace edgecc {

// One pass to run, with its options.
struct PassCall {
  const PassInfo *pass; // owned by the registry
  PassOptions options;
};
using PassList = std::vector<PassCall>;

class Registry {
public:
  // Asserts that the name is free; plugins check with find() first.
  void add(PassInfo pass);

  const PassInfo *find(std::string_view name) const;
  const std::vector<std::unique_ptr<PassInfo>> &passes() const { return passes_; }

  // A call of a registered pass with its default options; asserts that there is one.
  PassCall call(std::string_view name) const;

  // "fold,cse,fuse{max-ops=8,anchors=false}"
  Expected<PassList> parse(std::string_view text) const;

private:
  std::vector<std::unique_ptr<PassInfo>> passes_; // in order of registration
};

// Every pass of the compiler's own, one line each.
void registerBuiltinPasses(Registry &registry);

// Those of compress/ alone; called by the above.
void registerCompressPasses(Registry &registry);

// The page docs/passes.md: every pass with its sentence and its options.
std::string passDocs(const Registry &registry);

} // namespace edgecc
