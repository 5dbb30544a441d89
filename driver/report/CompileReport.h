// The files of --report and --report-json for one compile.
#pragma once

#include "driver/CompileModel.h"
#include "driver/compress/Compress.h"

namespace edgecc::driver {

struct ReportRequest {
  const Module *portable = nullptr;          // the result before it was lowered
  const Compressed *compressed = nullptr;    // null: nothing was compressed
  const CompressionInputs *inputs = nullptr; // its samples; null: likewise
  bool runsHere = false;                     // the code is for a machine of this kind
};

// Writes what the options ask for, once the output is written. Warnings go to `summary`.
Expected<void> writeReports(const CompileOptions &options, const ReportRequest &request,
                            CompileSummary &summary, Progress &progress);

} // namespace edgecc::driver
