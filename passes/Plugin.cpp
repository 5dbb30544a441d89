#include "passes/Plugin.h"

#include <dlfcn.h>

namespace edgecc {

Expected<void> loadPlugin(const std::string &path, Registry &registry) {
  // Without a slash dlopen would search the system's library path instead of the current folder.
  std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = dlerror();
    return error("cannot load the pass plugin: " + std::string(why ? why : "unknown reason"), path);
  }
  auto *plugin = static_cast<const PluginInterface *>(dlsym(library, "edgecc_register_passes"));
  if (!plugin)
    return error("the library does not define edgecc_register_passes", path,
                 "define its passes with EDGECC_PASS_PLUGIN from passes/Plugin.h");
  if (plugin->abiVersion != kPluginAbiVersion)
    return error("the plugin was built for version " + std::to_string(plugin->abiVersion) +
                     " of the pass interface, this edgecc has version " +
                     std::to_string(kPluginAbiVersion),
                 path, "build it against the headers that came with this edgecc");
  Registry own;
  plugin->registerPasses(own);
  for (const auto &pass : own.passes()) {
    if (registry.find(pass->name))
      return error("there already is a pass called " + pass->name, path, "give it another name");
    registry.add(*pass);
  }
  return {};
}

} // namespace edgecc
