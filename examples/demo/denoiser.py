"""The denoiser network, and its ONNX form.

    first    = Relu(Conv(SpaceToDepth(noisy, 2)))
    last     = 7 x (Conv, BatchNormalization, Relu) applied to first
    noise    = DepthToSpace(Conv(first + last), 2)
    denoised = Clip(noisy - noise, 0, 1)

It predicts the noise rather than the picture (Zhang et al., "Beyond a Gaussian Denoiser", IEEE TIP
2017), at half the resolution with four times the channels (Zhang, Zuo and Zhang, "FFDNet", IEEE TIP
2018), but blindly: no noise level is given. Each output pixel sees 38 x 38 input pixels.
"""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

kChannels = 48
kBodyLayers = 7
kOpset = 17


def spaceToDepth(x):
    """ONNX SpaceToDepth, blocksize 2: output channel = (row * 2 + column) * channels + channel."""
    n, c, h, w = x.shape
    blocks = x.view(n, c, h // 2, 2, w // 2, 2)
    return blocks.permute(0, 3, 5, 1, 2, 4).reshape(n, 4 * c, h // 2, w // 2)


def depthToSpace(x):
    """ONNX DepthToSpace in DCR mode with blocksize 2, the inverse of `spaceToDepth`."""
    n, c, h, w = x.shape
    blocks = x.view(n, 2, 2, c // 4, h, w)
    return blocks.permute(0, 3, 4, 1, 5, 2).reshape(n, c // 4, 2 * h, 2 * w)


class Denoiser(nn.Module):
    """Maps N x 3 x H x W in [0, 1] to the same shape and range; H and W even."""

    def __init__(self):
        super().__init__()
        self.head = nn.Conv2d(12, kChannels, 3, padding=1)
        self.body = nn.ModuleList(nn.ModuleDict({
            "conv": nn.Conv2d(kChannels, kChannels, 3, padding=1, bias=False),
            "norm": nn.BatchNorm2d(kChannels),
        }) for _ in range(kBodyLayers))
        self.tail = nn.Conv2d(kChannels, 12, 3, padding=1)

    def noise(self, x):
        first = y = torch.relu(self.head(spaceToDepth(x)))
        for layer in self.body:
            y = torch.relu(layer["norm"](layer["conv"](y)))
        return depthToSpace(self.tail(y + first))

    def forward(self, x):
        return torch.clamp(x - self.noise(x), 0.0, 1.0)


def saveOnnx(net, path):
    """Writes the network for inference; initialisers carry the names of PyTorch's parameters."""
    nodes = []

    def add(op, inputs, output, **attributes):
        nodes.append(helper.make_node(op, inputs, [output], name=output, **attributes))
        return output

    def conv(x, name, parameters):
        return add("Conv", [x] + parameters, name, kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    y = add("SpaceToDepth", ["noisy"], "unshuffle", blocksize=2)
    y = conv(y, "head_conv", ["head.weight", "head.bias"])
    first = y = add("Relu", [y], "head_relu")
    for i, layer in enumerate(net.body):
        y = conv(y, f"body{i}_conv", [f"body.{i}.conv.weight"])
        norm = [f"body.{i}.norm.{p}" for p in ("weight", "bias", "running_mean", "running_var")]
        y = add("BatchNormalization", [y] + norm, f"body{i}_norm", epsilon=layer["norm"].eps)
        y = add("Relu", [y], f"body{i}_relu")
    y = add("Add", [y, first], "skip")
    y = conv(y, "tail_conv", ["tail.weight", "tail.bias"])
    y = add("DepthToSpace", [y], "noise", blocksize=2, mode="DCR")
    y = add("Sub", ["noisy", y], "difference")
    add("Clip", [y, "zero", "one"], "denoised")

    used = {name for node in nodes for name in node.input}
    values = {k: v.numpy() for k, v in net.state_dict().items()}
    values.update(zero=np.float32(0), one=np.float32(1))
    shape = [1, 3, "height", "width"]
    graph = helper.make_graph(
        nodes, "denoiser",
        [helper.make_tensor_value_info("noisy", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("denoised", TensorProto.FLOAT, shape)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in values.items() if k in used])
    model = helper.make_model(
        graph, opset_imports=[helper.make_opsetid("", kOpset)], ir_version=8,
        producer_name="edgecc demo",
        doc_string="Blind denoiser for colour photographs: RGB in [0, 1], even height and width.")
    onnx.checker.check_model(model)
    onnx.save(model, path)


def loadOnnx(path):
    """The network with the parameters stored in a file that `saveOnnx` wrote."""
    net = Denoiser()
    stored = {t.name: numpy_helper.to_array(t).copy() for t in onnx.load(path).graph.initializer}
    state = net.state_dict()
    for name in state:
        if not name.endswith("num_batches_tracked"):
            state[name] = torch.from_numpy(stored[name])
    net.load_state_dict(state)
    return net.eval()
