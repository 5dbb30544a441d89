# SPDX-License-Identifier: Apache-2.0
"""Model and Context: numpy arrays in, numpy arrays out."""

import ctypes
import os
from dataclasses import dataclass
from typing import Dict, List, Mapping, Optional, Tuple

import numpy as np

from . import _api
from ._api import EdgeccError, byref, check, lib

# What numpy has no type for is passed as the bits: bf16 as uint16, 8-bit floats as uint8. 4-bit
# integers are passed packed, two to a byte, in a flat uint8 array.
_DTYPES = {
    "f32": np.float32, "f16": np.float16, "bf16": np.uint16, "f64": np.float64, "i4": np.uint8,
    "u4": np.uint8, "i8": np.int8, "u8": np.uint8, "i16": np.int16, "u16": np.uint16, "i32": np.int32,
    "u32": np.uint32, "i64": np.int64, "u64": np.uint64, "bool": np.bool_, "f8e4m3fn": np.uint8,
    "f8e4m3fnuz": np.uint8, "f8e5m2": np.uint8, "f8e5m2fnuz": np.uint8, "f8e8m0": np.uint8,
}
_PACKED = ("i4", "u4")
_KINDS = ("vector kernel", "scalar loop", "support call")


@dataclass(frozen=True)
class Quantization:
    """real = (stored - zero_point[i]) * scale[i], i along `axis`, or 0 if axis is -1."""
    scales: Tuple[float, ...]
    zero_points: Tuple[int, ...]
    axis: int


@dataclass(frozen=True)
class Preprocessing:
    """y = (x - mean[c]) * scale[c]; done by the model itself if compiled_in."""
    layout: str
    channel_order: str
    mean: Tuple[float, ...]
    scale: Tuple[float, ...]
    compiled_in: bool


@dataclass(frozen=True)
class TensorInfo:
    """An input or output. `shape` holds upper bounds if `dynamic`."""
    name: str
    type: str
    dtype: np.dtype
    shape: Tuple[int, ...]
    dynamic: bool
    nbytes: int
    quantization: Optional[Quantization]
    preprocessing: Optional[Preprocessing]

    @property
    def array_shape(self):
        """Shape of the numpy array: that of the tensor, but flat bytes for 4-bit types."""
        return (self.nbytes,) if self.type in _PACKED else self.shape


@dataclass(frozen=True)
class Layer:
    """One step of the compiled model: what it computes and for which ONNX nodes."""
    op: str
    nodes: Tuple[str, ...]
    kind: str
    macs: int
    bytes: int


@dataclass(frozen=True)
class LayerProfile:
    """Times of one layer since profiling was switched on."""
    layer: Layer
    total_ns: int
    min_ns: int
    count: int

    @property
    def mean_ns(self):
        return self.total_ns / self.count if self.count else 0.0


def _tensor_info(raw):
    quantization = preprocessing = None
    if raw.quantization.count:
        q = raw.quantization
        zeros = q.zero_points[:q.count] if q.zero_points else [0] * q.count
        quantization = Quantization(tuple(q.scales[:q.count]), tuple(zeros), q.axis)
    p = raw.preprocessing
    if p.layout or p.channel_order or p.mean_count or p.scale_count:
        preprocessing = Preprocessing(p.layout.decode(), p.channel_order.decode(),
                                      tuple(p.mean[:p.mean_count]), tuple(p.scale[:p.scale_count]),
                                      bool(p.compiled_in))
    kind = lib.edgecc_type_name(raw.type).decode()
    return TensorInfo(raw.name.decode(), kind, np.dtype(_DTYPES[kind]), tuple(raw.dims[:raw.rank]),
                      bool(raw.dynamic), raw.bytes, quantization, preprocessing)


class _Loaded:
    """Owns the C model. Held by the Model and by every runner, so that it goes last."""

    def __init__(self, path):
        self.handle = None
        handle, error = ctypes.c_void_p(), _api.Error()
        check(lib.edgecc_model_load_file(os.fsencode(path), None, byref(handle), byref(error)), error)
        self.handle = handle

    def __del__(self):
        if self.handle:
            lib.edgecc_model_destroy(self.handle)


class Model:
    """A loaded blob. Immutable; may be used from several threads at once."""

    def __init__(self, path):
        self._loaded = _Loaded(path)
        handle = self._handle = self._loaded.handle
        self.inputs = self._describe(lib.edgecc_model_input_count, lib.edgecc_model_input)
        self.outputs = self._describe(lib.edgecc_model_output_count, lib.edgecc_model_output)
        self.layers = [self._layer(i) for i in range(lib.edgecc_model_layer_count(handle))]
        self._context = None

    def _describe(self, count, get):
        infos = []
        for index in range(count(self._handle)):
            raw = _api.TensorInfo()
            get(self._handle, index, byref(raw), ctypes.sizeof(raw))
            infos.append(_tensor_info(raw))
        return infos

    def _layer(self, index):
        raw = _api.LayerInfo()
        lib.edgecc_model_layer(self._handle, index, byref(raw), ctypes.sizeof(raw))
        nodes = tuple(lib.edgecc_model_layer_node(self._handle, index, i).decode()
                      for i in range(raw.node_count))
        return Layer(raw.op.decode(), nodes, _KINDS[raw.kind], raw.macs, raw.bytes)

    @property
    def name(self) -> str:
        return lib.edgecc_model_name(self._handle).decode()

    @property
    def producer(self) -> str:
        return lib.edgecc_model_producer(self._handle).decode()

    @property
    def target(self) -> str:
        return lib.edgecc_model_target(self._handle).decode()

    @property
    def cpu(self) -> str:
        return lib.edgecc_model_cpu(self._handle).decode()

    @property
    def weights_size(self) -> int:
        return lib.edgecc_model_weights_size(self._handle)

    def arena_size(self, threads=1) -> int:
        """Working memory of one run, in bytes."""
        return lib.edgecc_model_arena_size(self._handle, threads)

    def verify(self):
        """Checks the weights against their hash; raises EdgeccError if they are damaged."""
        error = _api.Error()
        check(lib.edgecc_model_verify(self._handle, byref(error)), error)

    def context(self, threads=1) -> "Context":
        return Context(self, threads)

    def run(self, inputs: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """One inference with one thread. Not to be called from two threads at once."""
        if self._context is None:
            self._context = _Runner(self, 1)
        return self._context.run(self, inputs)


class _Runner:
    """A context handle and what numpy needs around it."""

    def __init__(self, model, threads):
        self.handle = None
        self.loaded = model._loaded
        options = _api.ContextOptions()
        options.struct_size = ctypes.sizeof(options)
        options.num_threads = threads
        handle, error = ctypes.c_void_p(), _api.Error()
        check(lib.edgecc_context_create(model._handle, byref(options), byref(handle), byref(error)),
              error)
        self.handle = handle
        self.states = set()

    def __del__(self):
        if self.handle:
            lib.edgecc_context_destroy(self.handle)

    def check(self, status):
        if status != 0:
            raise EdgeccError(status, lib.edgecc_context_error(self.handle).decode("utf-8", "replace"))

    def run(self, model, inputs):
        names = {info.name for info in model.inputs}
        for name in inputs:
            if name not in names:
                raise KeyError(f"the model has no input '{name}'; its inputs are "
                               + ", ".join(sorted(names)))
        kept = []  # the arrays must live until the run is over
        for index, info in enumerate(model.inputs):
            if index in self.states and info.name not in inputs:
                continue
            if info.name not in inputs:
                raise KeyError(f"input '{info.name}' is missing")
            array = np.asarray(inputs[info.name])
            if array.dtype != info.dtype:
                raise TypeError(f"input '{info.name}' is {info.dtype.name}, not {array.dtype.name}")
            if array.shape != info.array_shape:
                raise ValueError(f"input '{info.name}' has shape {info.array_shape}, "
                                 f"not {array.shape}")
            if index in self.states:
                self.buffer(index, info)[...] = array
                continue
            if info.type in _PACKED:
                array = np.ascontiguousarray(array)
            kept.append(array)
            strides = None
            if info.type not in _PACKED and array.ndim:
                strides = (ctypes.c_int64 * array.ndim)(*array.strides)
            if array.size == 0:  # numpy may give such an array any address
                lib.edgecc_context_input_buffer(self.handle, index)
                continue
            self.check(lib.edgecc_context_set_input(self.handle, index, array.ctypes.data, strides))
        self.check(lib.edgecc_context_run(self.handle))
        return {info.name: self.output(index, info) for index, info in enumerate(model.outputs)}

    def buffer(self, index, info):
        address = lib.edgecc_context_input_buffer(self.handle, index)
        raw = (ctypes.c_uint8 * info.nbytes).from_address(address)
        return np.frombuffer(raw, dtype=info.dtype).reshape(info.array_shape)

    def output(self, index, info):
        shape = info.array_shape
        if info.dynamic:
            dims = (ctypes.c_int64 * max(1, len(info.shape)))()
            lib.edgecc_context_output_dims(self.handle, index, dims)
            shape = tuple(dims[:len(info.shape)])
            if info.type in _PACKED:
                shape = ((int(np.prod(shape)) + 1) // 2,)
        count = int(np.prod(shape))
        if count == 0:
            return np.empty(shape, info.dtype)
        address = lib.edgecc_context_output(self.handle, index)
        raw = (ctypes.c_uint8 * (count * info.dtype.itemsize)).from_address(address)
        return np.frombuffer(raw, dtype=info.dtype).reshape(shape).copy()


class Context:
    """One inference in flight. The result does not depend on the number of threads."""

    def __init__(self, model: Model, threads: int = 1):
        self.model = model
        self._runner = _Runner(model, threads)
        self._profiling = False

    @property
    def threads(self) -> int:
        return lib.edgecc_context_num_threads(self._runner.handle)

    def run(self, inputs: Mapping[str, np.ndarray]) -> Dict[str, np.ndarray]:
        """Arrays need the exact type and shape of the inputs; any strides will do. The results are
        copies and stay valid. A bound state may be given too: it is then set before the run."""
        return self._runner.run(self.model, inputs)

    def bind_state(self, output: str, input: str):
        """After each run, `output` becomes `input` of the next run. Starts as zeros."""
        runner = self._runner
        input_index = self._index(self.model.inputs, input)
        runner.check(lib.edgecc_context_bind_state(
            runner.handle, self._index(self.model.outputs, output), input_index))
        runner.states.add(input_index)

    def reset_states(self):
        lib.edgecc_context_reset_states(self._runner.handle)

    @property
    def profiling(self) -> bool:
        return self._profiling

    @profiling.setter
    def profiling(self, enable: bool):
        self._runner.check(lib.edgecc_context_profile(self._runner.handle, int(enable)))
        self._profiling = bool(enable)

    def profile(self) -> List[LayerProfile]:
        """Time of each layer since profiling was switched on."""
        result = []
        for index, layer in enumerate(self.model.layers):
            raw = _api.LayerProfile()
            lib.edgecc_context_layer_profile(self._runner.handle, index, byref(raw),
                                             ctypes.sizeof(raw))
            result.append(LayerProfile(layer, raw.total_ns, raw.min_ns, raw.count))
        return result

    @staticmethod
    def _index(infos, name):
        for index, info in enumerate(infos):
            if info.name == name:
                return index
        raise KeyError(f"the model has no tensor '{name}'; it has "
                       + ", ".join(info.name for info in infos))
