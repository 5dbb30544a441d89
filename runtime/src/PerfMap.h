// SPDX-License-Identifier: Apache-2.0
#pragma once

struct edgecc_model;

namespace edgecc::runtime {

/// Appends the model's kernels to /tmp/perf-PID.map, where perf(1) looks for names of code that is
/// in no ELF file, if the environment variable EDGECC_PERF_MAP is "1".
void writePerfMap(const edgecc_model &model);

} // namespace edgecc::runtime
