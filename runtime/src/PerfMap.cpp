// SPDX-License-Identifier: Apache-2.0
#include "runtime/src/PerfMap.h"

#include "runtime/src/Model.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

namespace edgecc::runtime {

void writePerfMap(const edgecc_model &model) {
  const char *wanted = getenv("EDGECC_PERF_MAP");
  if (!wanted || strcmp(wanted, "1") != 0 || !model.variant->symbols())
    return;
  char path[64];
  snprintf(path, sizeof path, "/tmp/perf-%ld.map", static_cast<long>(getpid()));
  // The name is predictable: do not follow a link that someone else put there.
  int descriptor = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0644);
  if (descriptor < 0)
    return;
  FILE *file = fdopen(descriptor, "a");
  if (!file) {
    close(descriptor);
    return;
  }
  for (const blob::KernelSymbol *symbol : *model.variant->symbols())
    fprintf(
        file, "%llx %llx %s\n",
        static_cast<unsigned long long>(reinterpret_cast<uintptr_t>(model.code) + symbol->offset()),
        static_cast<unsigned long long>(symbol->size()), symbol->name()->c_str());
  fclose(file);
}

} // namespace edgecc::runtime
