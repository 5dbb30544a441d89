// Passes from outside: shared libraries given with --load-pass.
//
// A plugin exports one object, edgecc_register_passes, which EDGECC_PASS_PLUGIN defines:
//
//   #include <passes/Plugin.h>
//   EDGECC_PASS_PLUGIN(registry) {
//     registry.add({"my-pass", "What it does.", myPass, {}});
//   }
#pragma once

#include "passes/Registry.h"

namespace edgecc {

// Changes whenever a type that plugins see changes: they are C++ and need the same headers and
// compiler as edgecc itself.
inline constexpr uint32_t kPluginAbiVersion = 1;

struct PluginInterface {
  uint32_t abiVersion;
  void (*registerPasses)(Registry &);
};

// Loads the library at `path` and registers its passes. It stays loaded until the process ends,
// because the module may hold what its code has created.
Expected<void> loadPlugin(const std::string &path, Registry &registry);

} // namespace edgecc

#define EDGECC_PASS_PLUGIN(registry)                                                               \
  static void edgeccRegisterPasses(edgecc::Registry &registry);                                    \
  extern "C" __attribute__((visibility("default")))                                                \
  const edgecc::PluginInterface edgecc_register_passes = {edgecc::kPluginAbiVersion,               \
                                                          edgeccRegisterPasses};                   \
  static void edgeccRegisterPasses(edgecc::Registry &registry)
