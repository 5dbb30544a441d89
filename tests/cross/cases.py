"""Small models of every kind of kernel, each with its inputs and what numpy makes of them."""
import math

import numpy as np

from onnx_files import Model

CASES = {}


def case(function):
    """Registers a function that returns (model, inputs, expected outputs)."""
    CASES[function.__name__] = function
    return function


def seeded(*shape, seed=1):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def integers(low, high, *shape, dtype, seed=1):
    return np.random.default_rng(seed).integers(low, high, shape, endpoint=True).astype(dtype)


def convolve(x, w, stride=1, pad=1, group=1):
    """y[n, o, i, j] = sum over c, p, q of x[n, c, i s + p, j s + q] w[o, c, p, q]."""
    x = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    taps_y, taps_x = w.shape[2:]
    rows = (x.shape[2] - taps_y) // stride + 1
    columns = (x.shape[3] - taps_x) // stride + 1
    out = np.zeros((x.shape[0], w.shape[0], rows, columns), np.result_type(x, w))
    for o in range(w.shape[0]):
        first = o // (w.shape[0] // group) * w.shape[1]
        for p in range(taps_y):
            for q in range(taps_x):
                window = x[:, first:first + w.shape[1], p:p + rows * stride:stride,
                           q:q + columns * stride:stride]
                out[:, o] += np.einsum("ncij,c->nij", window, w[o, :, p, q])
    return out


def one_output(model, op, inputs, dtype, shape, **attributes):
    model.node(op, inputs, "y", **attributes)
    model.output("y", dtype, shape)
    return model


@case
def conv():
    x, w, b = seeded(1, 7, 13, 11), seeded(21, 7, 3, 3, seed=2), seeded(21, seed=3)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("w", w)
    model.constant("b", b)
    model.node("Conv", ["x", "w", "b"], "z", pads=[1, 1, 1, 1])
    y = np.maximum(convolve(x.astype(np.float64), w) + b[:, None, None], 0).astype(np.float32)
    return one_output(model, "Relu", ["z"], np.float32, y.shape), [x], [y]


@case
def winograd():
    """Large enough for Winograd's method on every target; tiles that reach beyond the image."""
    x, w = seeded(1, 32, 22, 25), seeded(44, 32, 3, 3, seed=2)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("w", w)
    y = convolve(x.astype(np.float64), w).astype(np.float32)
    return one_output(model, "Conv", ["x", "w"], np.float32, y.shape, pads=[1, 1, 1, 1]), [x], [y]


@case
def depthwise():
    x, w = seeded(2, 19, 14, 9), seeded(19, 1, 3, 3, seed=2)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("w", w)
    y = convolve(x.astype(np.float64), w, stride=2, group=19).astype(np.float32)
    one_output(model, "Conv", ["x", "w"], np.float32, y.shape, pads=[1, 1, 1, 1], strides=[2, 2],
               group=19)
    return model, [x], [y]


@case
def conv_int8():
    """Scales are powers of two, so that quantise(dequantised) has one answer on every machine."""
    x = integers(0, 255, 1, 21, 9, 10, dtype=np.uint8)
    w = integers(-128, 127, 18, 21, 3, 3, dtype=np.int8, seed=2)
    b = integers(-9999, 9999, 18, dtype=np.int32, seed=3)
    scales = np.exp2(-integers(5, 7, 18, dtype=np.float32, seed=4))
    model = Model()
    model.input("x", np.uint8, x.shape)
    for name, value in (("w", w), ("b", b), ("x_zero", np.uint8(121)), ("y_zero", np.uint8(133)),
                        ("w_zero", np.zeros(18, np.int8)), ("x_scale", np.float32(1 / 8)),
                        ("w_scale", scales), ("y_scale", np.float32(4))):
        model.constant(name, value)
    acc = convolve(x.astype(np.int64) - 121, w.astype(np.int64)) + b[:, None, None]
    # np.rint rounds halves to even
    y = np.clip(np.rint(acc * (scales / 8 / 4)[:, None, None]) + 133, 0, 255).astype(np.uint8)
    one_output(model, "QLinearConv", ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale",
                                      "y_zero", "b"], np.uint8, y.shape, pads=[1, 1, 1, 1])
    return model, [x], [y]


@case
def conv_int8_extremes():
    """Neither operand's products of largest magnitude may overflow on the way to 32 bits."""
    x = np.where(integers(0, 1, 1, 40, 9, 10, dtype=np.uint8) == 1, 255, 0).astype(np.uint8)
    x[:, :, :5] = 0
    w = integers(-127, 127, 10, 40, 3, 3, dtype=np.int8, seed=2)
    w[:4] = np.where(w[:4] < 0, -127, 127)
    w[4], w[5] = -127, 127
    model = Model()
    model.input("x", np.uint8, x.shape)
    for name, value in (("w", w), ("x_zero", np.uint8(128)), ("y_zero", np.uint8(128)),
                        ("w_zero", np.int8(0)), ("x_scale", np.float32(1)),
                        ("w_scale", np.float32(1)), ("y_scale", np.float32(2**16))):
        model.constant(name, value)
    acc = convolve(x.astype(np.int64) - 128, w.astype(np.int64))
    y = np.clip(np.rint(acc / 2**16) + 128, 0, 255).astype(np.uint8)
    one_output(model, "QLinearConv", ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale",
                                      "y_zero"], np.uint8, y.shape, pads=[1, 1, 1, 1])
    return model, [x], [y]


@case
def depthwise_int8():
    x = integers(-128, 127, 1, 35, 8, 7, dtype=np.int8)
    w = integers(-128, 127, 35, 1, 3, 3, dtype=np.int8, seed=2)
    model = Model()
    model.input("x", np.int8, x.shape)
    for name, value in (("w", w), ("zero", np.int8(0)), ("x_zero", np.int8(-128)),
                        ("x_scale", np.float32(1 / 8)), ("w_scale", np.float32(1 / 16)),
                        ("y_scale", np.float32(4))):
        model.constant(name, value)
    acc = convolve(x.astype(np.int64) + 128, w.astype(np.int64), group=35)
    y = np.clip(np.rint(acc / 512), -128, 127).astype(np.int8)
    one_output(model, "QLinearConv", ["x", "x_scale", "x_zero", "w", "w_scale", "zero", "y_scale",
                                      "zero"], np.int8, y.shape, pads=[1, 1, 1, 1], group=35)
    return model, [x], [y]


def quantized(model, name, scale, zero, source):
    """QuantizeLinear -> DequantizeLinear behind `source`; returns the real value's name."""
    model.constant(f"{name}_scale", np.float32(scale))
    model.constant(f"{name}_zero", zero)
    model.node("QuantizeLinear", [source, f"{name}_scale", f"{name}_zero"], f"{name}_q")
    model.node("DequantizeLinear", [f"{name}_q", f"{name}_scale", f"{name}_zero"], name)
    return name


def residual_network(dtype, zero, peak):
    """conv -> conv -> add -> relu -> mean, all scales powers of two, so that nothing is rounded but
    by the quantisers: every machine has the same integers."""
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    x = integers(zero - peak, zero + peak, 1, 12, 7, 6, dtype=dtype)
    weights = [integers(-7, 7, 12, 12, 3, 3, dtype=np.int8, seed=2),
               integers(-7, 7, 12, 12, 1, 1, dtype=np.int8, seed=3)]
    model = Model()
    model.input("x", dtype, x.shape)
    model.constant("x_scale", np.float32(1 / 16))
    model.constant("x_zero", dtype(zero))
    model.node("DequantizeLinear", ["x", "x_scale", "x_zero"], "real")
    clamp = lambda v: np.clip(np.rint(v) + zero, low, high) - zero
    source, values = "real", x.astype(np.int64) - zero
    first = values
    for i, w in enumerate(weights):
        model.constant(f"w{i}", w)
        model.constant(f"w{i}_scale", np.float32(1 / 8))
        model.node("DequantizeLinear", [f"w{i}", f"w{i}_scale"], f"w{i}_real")
        pad = w.shape[2] // 2
        model.node("Conv", [source, f"w{i}_real"], f"conv{i}", pads=[pad] * 4)
        source = quantized(model, f"y{i}", 1, dtype(zero), f"conv{i}")
        sums = convolve(values, w.astype(np.int64), pad=pad)
        values = clamp(sums / (128 if i == 0 else 8))
    model.node("Add", [source, "real"], "sum")
    model.node("Relu", ["sum"], "positive")
    source = quantized(model, "z", 0.5, dtype(zero), "positive")
    values = clamp(np.maximum(values + first / 16, 0) * 2)
    model.node("ReduceMean", [source], "mean", axes=[2, 3])
    model.constant("scale", np.float32(1 / 42))
    model.constant("zero", dtype(low))
    y = np.clip(np.rint(values.sum((2, 3), keepdims=True) / 2) + low, low, high).astype(dtype)
    one_output(model, "QuantizeLinear", ["mean", "scale", "zero"], dtype, y.shape)
    return model, [x], [y]


@case
def residual_int8():
    return residual_network(np.int8, -3, 90)


@case
def residual_int16():
    return residual_network(np.int16, 0, 900)


@case
def weights_int8():
    """f32 activations; integer weights with a scale for each column."""
    x, w = seeded(3, 66), integers(-127, 127, 66, 21, dtype=np.int8, seed=2)
    scales = np.abs(seeded(21, seed=3)) / 100
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("w", w)
    model.constant("scales", scales)
    model.node("DequantizeLinear", ["w", "scales"], "real", axis=1)
    y = (x.astype(np.float64) @ (w * scales.astype(np.float64))).astype(np.float32)
    return one_output(model, "MatMul", ["x", "real"], np.float32, y.shape), [x], [y]


@case
def matmul_integer():
    """The largest products: an instruction that saturates 16-bit sums would show."""
    a, b = integers(250, 255, 6, 70, dtype=np.uint8), np.full((70, 37), 127, np.int8)
    b[:, ::3] = -128
    model = Model()
    model.input("a", np.uint8, a.shape)
    model.constant("b", b)
    y = (a.astype(np.int64) @ b.astype(np.int64)).astype(np.int32)
    return one_output(model, "MatMulInteger", ["a", "b"], np.int32, y.shape), [a], [y]


@case
def gemm():
    a, b, c = seeded(17, 67), seeded(67, 45, seed=2), seeded(45, seed=3)
    model = Model()
    model.input("a", np.float32, a.shape)
    model.constant("b", b)
    model.constant("c", c)
    y = (a.astype(np.float64) @ b + c).astype(np.float32)
    return one_output(model, "Gemm", ["a", "b", "c"], np.float32, y.shape), [a], [y]


@case
def matmul_of_inputs():
    a, b = seeded(2, 3, 9, 18), seeded(2, 1, 18, 23, seed=2)
    model = Model()
    model.input("a", np.float32, a.shape)
    model.input("b", np.float32, b.shape)
    y = (a.astype(np.float64) @ b).astype(np.float32)
    return one_output(model, "MatMul", ["a", "b"], np.float32, y.shape), [a, b], [y]


@case
def functions():
    """Every function that is more than one instruction, over a wide range."""
    x = np.linspace(-9, 9, 2 * 5 * 31, dtype=np.float32).reshape(2, 5, 31)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("tiny", np.float32(1e-3))
    model.node("Abs", ["x"], "abs")
    model.node("Add", ["abs", "tiny"], "positive")
    wide = x.astype(np.float64)
    positive = (np.abs(x) + np.float32(1e-3)).astype(np.float64)
    erf = np.vectorize(math.erf)
    expected = []
    for op, of, values in (("Exp", "x", np.exp(wide)), ("Log", "positive", np.log(positive)),
                           ("Sigmoid", "x", 1 / (1 + np.exp(-wide))), ("Tanh", "x", np.tanh(wide)),
                           ("Erf", "x", erf(wide)), ("Sin", "x", np.sin(wide)),
                           ("Cos", "x", np.cos(wide)), ("Sqrt", "positive", np.sqrt(positive)),
                           ("Reciprocal", "positive", 1 / positive),
                           ("Softplus", "x", np.log1p(np.exp(wide)))):
        model.node(op, [of], f"y_{op}")
        model.output(f"y_{op}", np.float32, x.shape)
        expected.append(values.astype(np.float32))
    return model, [x], expected


@case
def broadcasting():
    a, b, c = seeded(2, 5, 1, 33), seeded(5, 7, 1, seed=2), seeded(33, seed=3)
    model = Model()
    for name, value in (("a", a), ("b", b), ("c", c)):
        model.input(name, np.float32, value.shape)
    model.node("Add", ["a", "b"], "sum")
    model.node("Mul", ["sum", "c"], "product")
    y = np.maximum((a + b) * c, b)
    return one_output(model, "Max", ["product", "b"], np.float32, y.shape), [a, b, c], [y]


@case
def softmax():
    x = seeded(3, 5, 37) * 10
    model = Model()
    model.input("x", np.float32, x.shape)
    e = np.exp(x.astype(np.float64) - x.max(-1, keepdims=True))
    y = (e / e.sum(-1, keepdims=True)).astype(np.float32)
    return one_output(model, "Softmax", ["x"], np.float32, y.shape, axis=-1), [x], [y]


@case
def layer_normalization():
    x, scale, bias = seeded(4, 6, 43) + 5, seeded(43, seed=2), seeded(43, seed=3)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("scale", scale)
    model.constant("bias", bias)
    wide = x.astype(np.float64)
    centred = wide - wide.mean(-1, keepdims=True)
    y = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * scale + bias
    one_output(model, "LayerNormalization", ["x", "scale", "bias"], np.float32, y.shape)
    return model, [x], [y.astype(np.float32)]


@case
def pooling():
    x = seeded(1, 13, 9, 10)
    model = Model()
    model.input("x", np.float32, x.shape)
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), (2, 3))[:, :, ::2, ::2]
    largest = windows.max((-1, -2))
    mean = x.astype(np.float64).mean((2, 3), keepdims=True).astype(np.float32)
    model.node("MaxPool", ["x"], "largest", kernel_shape=[3, 3], strides=[2, 2])
    model.node("GlobalAveragePool", ["x"], "mean")
    model.output("largest", np.float32, largest.shape)
    model.output("mean", np.float32, mean.shape)
    return model, [x], [largest, mean]


@case
def half_precision():
    """f16 in and out; the arithmetic is in f32, so that small integers are exact."""
    a = integers(-40, 40, 6, 45, dtype=np.float16)
    b = integers(-3, 3, 45, 26, dtype=np.float16, seed=2)
    model = Model()
    model.input("a", np.float16, a.shape)
    model.constant("b", b)
    y = (a.astype(np.float32) @ b.astype(np.float32)).astype(np.float16)
    return one_output(model, "MatMul", ["a", "b"], np.float16, y.shape), [a], [y]


@case
def movement():
    x = integers(-1000, 1000, 3, 8, 10, dtype=np.int64)
    rows = np.array([2, 0, -1, 1], np.int64)
    model = Model()
    model.input("x", np.int64, x.shape)
    model.input("rows", np.int64, rows.shape)
    model.node("Transpose", ["x"], "turned", perm=[2, 0, 1])
    model.node("Gather", ["turned", "rows"], "gathered", axis=1)
    model.node("Concat", ["gathered", "turned"], "y", axis=1)
    turned = x.transpose(2, 0, 1)
    y = np.concatenate([turned[:, rows], turned], 1)
    model.output("y", np.int64, y.shape)
    return model, [x, rows], [y]


@case
def integer_arithmetic():
    a = integers(-99, 99, 3, 29, dtype=np.int32)
    b = integers(1, 9, 29, dtype=np.int32, seed=2)
    model = Model()
    model.input("a", np.int32, a.shape)
    model.input("b", np.int32, b.shape)
    model.node("Div", ["a", "b"], "quotient")  # towards zero
    model.node("Mod", ["a", "b"], "modulo")    # the sign of the divisor
    model.output("quotient", np.int32, a.shape)
    model.output("modulo", np.int32, a.shape)
    return model, [a, b], [np.trunc(a / b).astype(np.int32), np.mod(a, b)]


@case
def top_k():
    x = integers(-500, 500, 4, 50, dtype=np.float32)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("k", np.array([7], np.int64))
    model.node("TopK", ["x", "k"], ["values", "indices"])
    indices = np.argsort(-x, -1, kind="stable")[:, :7]
    model.output("values", np.float32, indices.shape)
    model.output("indices", np.int64, indices.shape)
    return model, [x], [np.take_along_axis(x, indices, -1), indices]


@case
def reductions():
    x = seeded(3, 5, 41)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("axes", np.array([0, 2], np.int64))
    wide = x.astype(np.float64)
    expected = []
    for name, op, values in (("sum", "ReduceSum", wide.sum((0, 2))),
                             ("mean", "ReduceMean", wide.mean((0, 2))),
                             ("largest", "ReduceMax", wide.max((0, 2))),
                             ("length", "ReduceL2", np.sqrt((wide**2).sum((0, 2))))):
        if op == "ReduceSum":
            model.node(op, ["x", "axes"], name, keepdims=0)
        else:
            model.node(op, ["x"], name, axes=[0, 2], keepdims=0)
        model.output(name, np.float32, values.shape)
        expected.append(values.astype(np.float32))
    model.node("ArgMax", ["x"], "position", axis=2, keepdims=0)
    model.output("position", np.int64, [3, 5])
    return model, [x], [*expected, x.argmax(2)]


@case
def transposed_convolution():
    x, w = seeded(1, 6, 5, 4), seeded(6, 10, 3, 3, seed=2)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("w", w)
    y = np.zeros((1, 10, 11, 9))
    for p in range(3):
        for q in range(3):
            y[:, :, p:p + 9:2, q:q + 7:2] += np.einsum("ncij,co->noij", x.astype(np.float64),
                                                      w[:, :, p, q])
    one_output(model, "ConvTranspose", ["x", "w"], np.float32, y.shape, strides=[2, 2])
    return model, [x], [y.astype(np.float32)]


@case
def resizing():
    x = seeded(1, 5, 4, 7)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("scales", np.array([1, 1, 2, 2], np.float32))
    for name, mode in (("nearest", "nearest"), ("linear", "linear")):
        model.node("Resize", ["x", "", "scales"], name, mode=mode, nearest_mode="floor",
                   coordinate_transformation_mode="asymmetric")
        model.output(name, np.float32, [1, 5, 8, 14])

    def between(values, axis):
        """Every value, and behind it the mean with its successor."""
        following = np.take(values, np.minimum(np.arange(values.shape[axis]) + 1,
                                               values.shape[axis] - 1), axis)
        pair = np.stack([values, (values + following) / 2], axis + 1)
        shape = list(values.shape)
        shape[axis] *= 2
        return pair.reshape(shape)

    linear = between(between(x.astype(np.float64), 2), 3).astype(np.float32)
    return model, [x], [x.repeat(2, 2).repeat(2, 3), linear]


@case
def scattering():
    x = seeded(6, 9)
    indices = np.array([[4], [0], [-1]], np.int64)
    updates = seeded(3, 9, seed=2)
    model = Model()
    model.input("x", np.float32, x.shape)
    model.input("indices", np.int64, indices.shape)
    model.input("updates", np.float32, updates.shape)
    y = x.copy()
    y[indices[:, 0]] = updates
    one_output(model, "ScatterND", ["x", "indices", "updates"], np.float32, y.shape)
    return model, [x, indices, updates], [y]


@case
def recurrence():
    """A GRU of ONNX's definition: gates z, r, h, and linear_before_reset = 0."""
    x, w, r = seeded(5, 2, 11), seeded(1, 39, 11, seed=2) / 4, seeded(1, 39, 13, seed=3) / 4
    model = Model()
    model.input("x", np.float32, x.shape)
    model.constant("w", w)
    model.constant("r", r)
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    h, states = np.zeros((2, 13)), []
    for step in x.astype(np.float64):
        z, reset = (sigmoid(step @ w[0, a:a + 13].T + h @ r[0, a:a + 13].T) for a in (0, 13))
        candidate = np.tanh(step @ w[0, 26:].T + (reset * h) @ r[0, 26:].T)
        h = (1 - z) * candidate + z * h
        states.append(h)
    y = np.stack(states)[:, None].astype(np.float32)
    return one_output(model, "GRU", ["x", "w", "r"], np.float32, y.shape, hidden_size=13), [x], [y]


@case
def long_short_term_memory():
    """Gates i, o, f, c in ONNX's order; both directions, a network's usual ending behind it."""
    t, n, features, hidden = 6, 2, 10, 12
    x = seeded(t, n, features)
    w, r = (seeded(2, 4 * hidden, k, seed=s) / 4 for k, s in ((features, 2), (hidden, 3)))
    b = seeded(2, 8 * hidden, seed=4) / 4
    model = Model()
    model.input("x", np.float32, x.shape)
    for name, value in (("w", w), ("r", r), ("b", b)):
        model.constant(name, value)
    model.node("LSTM", ["x", "w", "r", "b"], ["z"], hidden_size=hidden, direction="bidirectional")
    sigmoid = lambda v: 1 / (1 + np.exp(-v))
    z = np.zeros((t, 2, n, hidden))
    for d, order in ((0, range(t)), (1, reversed(range(t)))):
        h = c = np.zeros((n, hidden))
        bias = (b[d, :4 * hidden] + b[d, 4 * hidden:]).astype(np.float64)
        for step in order:
            i, o, f, g = np.split(x[step] @ w[d].T + h @ r[d].T + bias, 4, axis=1)
            c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
            h = sigmoid(o) * np.tanh(c)
            z[step, d] = h
    y = np.exp(z)
    y = (y / y.sum(-1, keepdims=True)).astype(np.float32)
    return one_output(model, "Softmax", ["z"], np.float32, y.shape, axis=-1), [x], [y]


@case
def non_max_suppression():
    """Five boxes, of which the second overlaps the first; as many results as are asked for."""
    boxes = np.array([[[0, 0, 10, 10], [0, 1, 10, 11], [20, 20, 30, 30], [0, 20, 10, 30],
                       [20, 0, 30, 10]]], np.float32)
    scores = np.array([[[0.9, 0.8, 0.6, 0.5, 0.7]]], np.float32)
    model = Model()
    model.input("boxes", np.float32, boxes.shape)
    model.input("scores", np.float32, scores.shape)
    model.constant("most", np.array([3], np.int64))
    model.constant("overlap", np.array([0.5], np.float32))
    y = np.array([[0, 0, 0], [0, 0, 4], [0, 0, 2]], np.int64)
    one_output(model, "NonMaxSuppression", ["boxes", "scores", "most", "overlap"], np.int64,
               y.shape)
    return model, [boxes, scores], [y]
