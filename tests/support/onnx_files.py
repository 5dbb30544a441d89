"""Writes small ONNX models and reads tensors, with numpy and nothing else.

The protobuf wire format is a sequence of (field number << 3 | wire type) and value; the field
numbers are those of frontend/onnx/onnx.proto.
"""
import pathlib

import numpy as np

DTYPES = {1: np.float32, 2: np.uint8, 3: np.int8, 4: np.uint16, 5: np.int16, 6: np.int32,
          7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64, 12: np.uint32, 13: np.uint64}
CODES = {np.dtype(dtype): code for code, dtype in DTYPES.items()}
FLOAT, INT, STRING, TENSOR, FLOATS, INTS = 1, 2, 3, 4, 6, 7  # AttributeProto.AttributeType


def varint(value):
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def data(field, content):
    if isinstance(content, str):
        content = content.encode()
    return varint(field << 3 | 2) + varint(len(content)) + content


def float32(field, value):
    return varint(field << 3 | 5) + np.float32(value).tobytes()


def tensor(array, name=""):
    """A TensorProto."""
    array = np.asarray(array)
    out = b"".join(number(1, extent) for extent in array.shape)
    out += number(2, CODES[array.dtype])
    return out + data(8, name) + data(9, np.ascontiguousarray(array).tobytes())


def attribute(name, value):
    """An AttributeProto; its type follows from the value's."""
    out = data(1, name)
    if isinstance(value, np.ndarray):
        return out + number(20, TENSOR) + data(5, tensor(value))
    if isinstance(value, str):
        return out + number(20, STRING) + data(4, value)
    if isinstance(value, float):
        return out + number(20, FLOAT) + float32(2, value)
    if isinstance(value, int):
        return out + number(20, INT) + number(3, value)
    if all(isinstance(v, int) for v in value):
        return out + number(20, INTS) + b"".join(number(8, v) for v in value)
    return out + number(20, FLOATS) + b"".join(float32(7, v) for v in value)


def value_info(name, dtype, shape):
    dims = b"".join(data(1, data(2, d) if isinstance(d, str) else number(1, d)) for d in shape)
    of_type = number(1, CODES[np.dtype(dtype)]) + data(2, dims)
    return data(1, name) + data(2, data(1, of_type))


class Model:
    """A graph that is built node by node. Names of values are the caller's."""

    def __init__(self, name="model", opset=17):
        self.name = name
        self.opset = opset
        self.nodes, self.initializers, self.inputs, self.outputs = [], [], [], []

    def input(self, name, dtype, shape):
        """`shape` may hold names of symbolic dimensions."""
        self.inputs.append(value_info(name, dtype, shape))
        return name

    def constant(self, name, array):
        self.initializers.append(tensor(array, name))
        return name

    def node(self, op, inputs, outputs, name="", domain="", **attributes):
        outputs = [outputs] if isinstance(outputs, str) else outputs
        self.nodes.append(
            b"".join(data(1, i) for i in inputs) + b"".join(data(2, o) for o in outputs) +
            data(3, name or f"{op}_{len(self.nodes)}") + data(4, op) + data(7, domain) +
            b"".join(data(5, attribute(*item)) for item in attributes.items()))
        return outputs[0]

    def output(self, name, dtype, shape):
        self.outputs.append(value_info(name, dtype, shape))

    def bytes(self):
        graph = b"".join(data(1, node) for node in self.nodes) + data(2, self.name)
        graph += b"".join(data(5, initializer) for initializer in self.initializers)
        graph += b"".join(data(11, value) for value in self.inputs)
        graph += b"".join(data(12, value) for value in self.outputs)
        return number(1, 8) + data(7, graph) + data(8, data(1, "") + number(2, self.opset))

    def write(self, path):
        pathlib.Path(path).write_bytes(self.bytes())
        return path


def fields(content):
    """(field number, value) of each field of a message; bytes, or an integer for a varint."""
    at = 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = content[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(content):
        key = read_varint()
        wire = key & 7
        if wire == 0:
            yield key >> 3, read_varint()
            continue
        size = {1: 8, 5: 4}.get(wire) or read_varint()
        yield key >> 3, content[at:at + size]
        at += size


def read_tensor(path):
    """The array of a TensorProto with raw data, as ONNX's test data has them."""
    dims, code, raw = [], 0, b""
    for field, value in fields(pathlib.Path(path).read_bytes()):
        if field == 1:
            dims.append(value)
        elif field == 2:
            code = value
        elif field == 9:
            raw = value
    array = np.frombuffer(raw, DTYPES[code])
    return array.reshape(dims)
