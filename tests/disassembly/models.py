"""Models with one kernel that matters each, large enough for full register tiles."""
import numpy as np

from onnx_files import Model


def weights(*shape, dtype=np.float32):
    random = np.random.default_rng(1)
    if np.dtype(dtype).kind == "f":
        return random.standard_normal(shape).astype(dtype)
    return random.integers(np.iinfo(dtype).min + 1, np.iinfo(dtype).max, shape).astype(dtype)


def float_conv(channels, filters, extent, kernel, group=1, activation="Relu"):
    model = Model()
    model.input("x", np.float32, [1, channels, extent, extent])
    model.constant("w", weights(filters, channels // group, kernel, kernel))
    model.constant("b", weights(filters))
    pad = kernel // 2
    model.node("Conv", ["x", "w", "b"], "z", pads=[pad] * 4, group=group)
    model.node(activation, ["z"], "y")
    model.output("y", np.float32, [1, filters, extent, extent])
    return model


def gemm():
    model = Model()
    model.input("a", np.float32, [96, 256])
    model.constant("b", weights(256, 192))
    model.node("MatMul", ["a", "b"], "y")
    model.output("y", np.float32, [96, 192])
    return model


def integer_conv(kernel):
    model = Model()
    model.input("x", np.uint8, [1, 64, 28, 28])
    for name, value in (("w", weights(64, 64, kernel, kernel, dtype=np.int8)),
                        ("b", weights(64, dtype=np.int32) // 2**12), ("zero", np.uint8(128)),
                        ("w_zero", np.int8(0)), ("scale", np.float32(0.02)),
                        ("w_scale", np.float32(0.01)), ("y_scale", np.float32(0.5))):
        model.constant(name, value)
    pad = kernel // 2
    model.node("QLinearConv", ["x", "scale", "zero", "w", "w_scale", "w_zero", "y_scale", "zero",
                               "b"], "y", pads=[pad] * 4)
    model.output("y", np.uint8, [1, 64, 28, 28])
    return model


def integer_gemm():
    model = Model()
    model.input("a", np.uint8, [96, 256])
    model.constant("b", weights(256, 192, dtype=np.int8))
    model.node("MatMulInteger", ["a", "b"], "y")
    model.output("y", np.int32, [96, 192])
    return model


FLOAT_MODELS = {"conv_3x3": lambda: float_conv(32, 64, 28, 3),
                # Not compiled with --exact: the transformation of the input.
                "winograd_3x3": lambda: float_conv(32, 64, 28, 3),
                "conv_1x1": lambda: float_conv(64, 96, 28, 1),
                # Long epilogues must not push the sums out of registers.
                "conv_1x1_hard_swish": lambda: float_conv(64, 64, 52, 1, activation="HardSwish"),
                "conv_first_layer": lambda: float_conv(3, 32, 64, 3),
                "gemm": gemm}
DEPTHWISE_MODELS = {"depthwise_3x3": lambda: float_conv(64, 64, 28, 3, group=64)}
INTEGER_MODELS = {"integer_conv_3x3": lambda: integer_conv(3),
                  "integer_conv_1x1": lambda: integer_conv(1), "integer_gemm": integer_gemm}
