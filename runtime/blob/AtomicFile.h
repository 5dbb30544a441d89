// SPDX-License-Identifier: Apache-2.0
//
// Output files that appear whole or not at all. Part of the compiler, not of the runtime.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace edgecc::blob {

/// Bytes to be placed at an offset of a file; gaps read as zero. Parts are in ascending order.
struct FilePart {
  uint64_t offset = 0;
  std::string_view bytes;
};

/// Writes the parts to a temporary file beside `path`, flushes it and renames it over `path`:
/// readers see the old file or the new one. The file's permissions follow the umask. Returns "" or
/// a description of the failure, in which case no file is left behind. Signals that end the
/// program wait meanwhile.
std::string writeFileAtomically(const std::string &path, const std::vector<FilePart> &parts);
std::string writeFileAtomically(const std::string &path, std::string_view bytes);

} // namespace edgecc::blob
