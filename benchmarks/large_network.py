"""A pose network whose file is large and which takes little time: for what its size alone costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np

CHANNELS = 2048
"""Of each layer, whose weights have 17 MB."""
KEYPOINTS = 17


def write_large_network(path: Path, *, layers: int) -> int:
    """Write a network of 96x128 pixels to heatmaps of 24x32; return the megabytes of its file."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = np.random.default_rng(0)

    def weights(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(random.normal(0, 0.01, shape).astype(np.float32), name)

    tensors = [weights("first", CHANNELS, 3, 8, 8), weights("last", KEYPOINTS, CHANNELS, 1, 1)]
    tensors.append(numpy_helper.from_array(np.array([1, KEYPOINTS, 32, 24]), "shape"))
    nodes = [helper.make_node("Conv", ["image", "first"], ["t0"], kernel_shape=[8, 8], strides=[32, 32])]
    for i in range(layers):
        tensors.append(weights(f"w{i}", CHANNELS, CHANNELS, 1, 1))
        nodes.append(helper.make_node("Conv", [f"t{i}", f"w{i}"], [f"t{i + 1}"], kernel_shape=[1, 1]))
    nodes.append(helper.make_node("Conv", [f"t{layers}", "last"], ["small"], kernel_shape=[1, 1]))
    nodes.append(helper.make_node("Resize", ["small", "", "", "shape"], ["large"], mode="nearest"))
    nodes.append(helper.make_node("Sigmoid", ["large"], ["heatmaps"]))
    graph = helper.make_graph(
        nodes,
        "large",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, 128, 96])],
        [helper.make_tensor_value_info("heatmaps", TensorProto.FLOAT, [1, KEYPOINTS, 32, 24])],
        tensors,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path.stat().st_size // 10**6
