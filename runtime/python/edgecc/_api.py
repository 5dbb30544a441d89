# SPDX-License-Identifier: Apache-2.0
"""The C API of edgecc/runtime.h as ctypes declarations. Nothing here adds meaning."""

import ctypes
import ctypes.util
import os
import pathlib
from ctypes import (POINTER, Structure, byref, c_char, c_char_p, c_float, c_int32, c_int64, c_size_t,
                    c_uint32, c_uint64, c_void_p)

MAX_RANK = 16


class EdgeccError(RuntimeError):
    """A call into the runtime failed; `status` is the edgecc_status."""

    def __init__(self, status, text):
        super().__init__(text)
        self.status = status


class Error(Structure):
    _fields_ = [("text", c_char * 512)]


class ModelOptions(Structure):
    _fields_ = [("struct_size", c_size_t), ("allocator", c_void_p)]


class ContextOptions(Structure):
    _fields_ = [("struct_size", c_size_t), ("num_threads", c_uint32),
                ("spin_microseconds", c_uint32), ("thread_pool", c_void_p)]


class Quantization(Structure):
    _fields_ = [("count", c_uint32), ("axis", c_int32), ("scales", POINTER(c_float)),
                ("zero_points", POINTER(c_int32))]


class Preprocessing(Structure):
    _fields_ = [("layout", c_char_p), ("channel_order", c_char_p), ("mean_count", c_uint32),
                ("scale_count", c_uint32), ("mean", POINTER(c_float)), ("scale", POINTER(c_float)),
                ("compiled_in", c_int32)]


class TensorInfo(Structure):
    _fields_ = [("name", c_char_p), ("type", c_int32), ("rank", c_uint32),
                ("dims", c_int64 * MAX_RANK), ("dynamic", c_int32), ("bytes", c_size_t),
                ("quantization", Quantization), ("preprocessing", Preprocessing)]


class LayerInfo(Structure):
    _fields_ = [("op", c_char_p), ("node_count", c_uint32), ("kind", c_int32), ("macs", c_uint64),
                ("bytes", c_uint64)]


class LayerProfile(Structure):
    _fields_ = [("total_ns", c_uint64), ("min_ns", c_uint64), ("count", c_uint64)]


_MODEL, _CONTEXT = c_void_p, c_void_p

# name: (result, arguments)
_FUNCTIONS = {
    "edgecc_version": (c_char_p, []),
    "edgecc_abi_version": (c_uint32, []),
    "edgecc_status_string": (c_char_p, [c_int32]),
    "edgecc_type_name": (c_char_p, [c_int32]),
    "edgecc_type_bits": (c_uint32, [c_int32]),
    "edgecc_model_load_file": (c_int32, [c_char_p, POINTER(ModelOptions), POINTER(_MODEL),
                                         POINTER(Error)]),
    "edgecc_model_destroy": (None, [_MODEL]),
    "edgecc_model_verify": (c_int32, [_MODEL, POINTER(Error)]),
    "edgecc_model_name": (c_char_p, [_MODEL]),
    "edgecc_model_producer": (c_char_p, [_MODEL]),
    "edgecc_model_target": (c_char_p, [_MODEL]),
    "edgecc_model_cpu": (c_char_p, [_MODEL]),
    "edgecc_model_input_count": (c_uint32, [_MODEL]),
    "edgecc_model_output_count": (c_uint32, [_MODEL]),
    "edgecc_model_layer_count": (c_uint32, [_MODEL]),
    "edgecc_model_input": (c_int32, [_MODEL, c_uint32, POINTER(TensorInfo), c_size_t]),
    "edgecc_model_output": (c_int32, [_MODEL, c_uint32, POINTER(TensorInfo), c_size_t]),
    "edgecc_model_layer": (c_int32, [_MODEL, c_uint32, POINTER(LayerInfo), c_size_t]),
    "edgecc_model_layer_node": (c_char_p, [_MODEL, c_uint32, c_uint32]),
    "edgecc_model_weights_size": (c_size_t, [_MODEL]),
    "edgecc_model_code_size": (c_size_t, [_MODEL]),
    "edgecc_model_arena_size": (c_size_t, [_MODEL, c_uint32]),
    "edgecc_context_create": (c_int32, [_MODEL, POINTER(ContextOptions), POINTER(_CONTEXT),
                                        POINTER(Error)]),
    "edgecc_context_destroy": (None, [_CONTEXT]),
    "edgecc_context_error": (c_char_p, [_CONTEXT]),
    "edgecc_context_set_input": (c_int32, [_CONTEXT, c_uint32, c_void_p, POINTER(c_int64)]),
    "edgecc_context_input_buffer": (c_void_p, [_CONTEXT, c_uint32]),
    "edgecc_context_output": (c_void_p, [_CONTEXT, c_uint32]),
    "edgecc_context_output_dims": (c_int32, [_CONTEXT, c_uint32, POINTER(c_int64)]),
    "edgecc_context_bind_state": (c_int32, [_CONTEXT, c_uint32, c_uint32]),
    "edgecc_context_reset_states": (None, [_CONTEXT]),
    "edgecc_context_run": (c_int32, [_CONTEXT]),
    "edgecc_context_num_threads": (c_uint32, [_CONTEXT]),
    "edgecc_context_profile": (c_int32, [_CONTEXT, c_int32]),
    "edgecc_context_layer_profile": (c_int32, [_CONTEXT, c_uint32, POINTER(LayerProfile),
                                               c_size_t]),
}


def _candidates():
    """Places to look for the library, best first."""
    if "EDGECC_LIBRARY" in os.environ:
        yield os.environ["EDGECC_LIBRARY"]
        return
    soname = "libedgecc_runtime.so.0"
    for prefix in pathlib.Path(__file__).resolve().parents:
        for folder in ("lib", "lib64", f"lib/{os.uname().machine}-linux-gnu"):
            if (prefix / folder / soname).exists():
                yield str(prefix / folder / soname)
    yield soname
    found = ctypes.util.find_library("edgecc_runtime")
    if found:
        yield found


def _load():
    reasons = []
    for candidate in _candidates():
        try:
            library = ctypes.CDLL(candidate)
        except OSError as reason:
            reasons.append(str(reason))
            continue
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
        return library
    raise ImportError("cannot load libedgecc_runtime (set EDGECC_LIBRARY to its path): "
                      + "; ".join(reasons))


lib = _load()


def check(status, error):
    """Raises if a call that fills an Error failed."""
    if status != 0:
        text = error.text.decode("utf-8", "replace")
        raise EdgeccError(status, text or lib.edgecc_status_string(status).decode())


def version():
    """Version of the runtime library, e.g. "0.1.0"."""
    return lib.edgecc_version().decode()


def abi_version():
    """Version of the calling convention between compiled code and runtime."""
    return lib.edgecc_abi_version()


__all__ = ["ContextOptions", "EdgeccError", "Error", "LayerInfo", "LayerProfile", "MAX_RANK",
           "TensorInfo", "abi_version", "byref", "check", "lib", "version"]
