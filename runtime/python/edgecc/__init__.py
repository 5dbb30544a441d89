# SPDX-License-Identifier: Apache-2.0
"""Runs models compiled with edgecc, through the C API of libedgecc_runtime.

    import edgecc
    model = edgecc.Model("model.blob")
    outputs = model.run({"input": array})           # {name: array}

For repeated runs, several threads or profiles, use a context:

    context = model.context(threads=2)
    outputs = context.run({"input": array})
    context.bind_state("next_state", "state")       # streaming models
    context.profiling = True
    ...
    for layer in context.profile(): print(layer)

A Model may be shared between threads; a Context belongs to one thread at a time. The library is
looked for in $EDGECC_LIBRARY, beside this package's installation prefix, and where the dynamic linker
looks.
"""

from ._api import EdgeccError, abi_version, version
from ._model import Context, Layer, LayerProfile, Model, Preprocessing, Quantization, TensorInfo

__all__ = [
    "Context", "EdgeccError", "Layer", "LayerProfile", "Model", "Preprocessing", "Quantization",
    "TensorInfo", "abi_version", "version",
]
__version__ = version()
