#include "passes/PassManager.h"

#include "ir/Verifier.h"

#include <chrono>

namespace edgecc {

static bool verifiesEach(const PassManagerOptions &options) {
#ifdef NDEBUG
  return options.verifyEach;
#else
  (void)options;
  return true;
#endif
}

Expected<std::vector<PassReport>> runPasses(Module &module, const PassList &passes,
                                            const PassManagerOptions &options) {
  using Clock = std::chrono::steady_clock;
  std::vector<PassReport> reports;
  for (const PassCall &call : passes) {
    PassReport &report = reports.emplace_back();
    report.pass = call.pass->name;
    PassContext context{call.options, options.executor, options.target, report.statistics,
                        options.compression};
    if (options.progress)
      context.progress = [&](size_t done, size_t total) {
        options.progress(*call.pass, done, total);
      };
    auto start = Clock::now();
    EDGECC_CHECK(call.pass->run(module, context));
    report.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
    if (verifiesEach(options))
      if (auto valid = verify(module); !valid) {
        for (Diagnostic &diagnostic : valid.error())
          diagnostic.what = "pass " + report.pass + " broke the module: " + diagnostic.what;
        return tl::unexpected(std::move(valid.error()));
      }
    if (options.after)
      options.after(*call.pass, module);
  }
  return reports;
}

} // namespace edgecc
