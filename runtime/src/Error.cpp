// SPDX-License-Identifier: Apache-2.0
#include "runtime/src/Error.h"

#include <cstdarg>
#include <cstdio>

namespace edgecc::runtime {

edgecc_status fail(edgecc_error *error, edgecc_status status, const char *format, ...) {
  if (error) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
  }
  return status;
}

} // namespace edgecc::runtime

extern "C" const char *edgecc_status_string(edgecc_status status) {
  switch (status) {
  case EDGECC_OK:
    return "ok";
  case EDGECC_ERROR_INVALID_ARGUMENT:
    return "invalid argument";
  case EDGECC_ERROR_NO_MEMORY:
    return "no memory";
  case EDGECC_ERROR_IO:
    return "input/output error";
  case EDGECC_ERROR_NOT_A_BLOB:
    return "not a blob";
  case EDGECC_ERROR_VERSION:
    return "unsupported version";
  case EDGECC_ERROR_DAMAGED:
    return "damaged blob";
  case EDGECC_ERROR_MALFORMED:
    return "malformed blob";
  case EDGECC_ERROR_WRONG_TARGET:
    return "compiled for another architecture";
  case EDGECC_ERROR_CPU_FEATURE:
    return "missing CPU feature";
  case EDGECC_ERROR_NOT_SET:
    return "input not set";
  case EDGECC_ERROR_INDEX:
    return "index out of range";
  case EDGECC_ERROR_BOUND:
    return "size bound exceeded";
  case EDGECC_ERROR_THREAD:
    return "cannot start a thread";
  }
  return "unknown status";
}
