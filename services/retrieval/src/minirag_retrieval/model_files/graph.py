"""The ONNX graph of all-MiniLM-L6-v2: a BERT encoder of six layers, mean pooling, unit length.

Inputs ``input_ids`` and ``attention_mask``, int64 of shape (batch, tokens); output ``embedding``, float32 of
shape (batch, 384). Attention and layer norms are onnxruntime's fused operators (domain com.microsoft).
Weights are stored transposed, because the quantiser only takes a MatMul whose right side is a constant.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

LAYERS = 6
HEADS = 12
DIMENSIONS = 384
EPSILON = 1e-12
MASKED = -10000.0
CONTRIB = "com.microsoft"


class GraphBuilder:
    """Collects nodes and initialisers; each ``node`` returns the name of its output."""

    def __init__(self, weights: Mapping[str, npt.NDArray[np.float32]]) -> None:
        self._weights = weights
        self.nodes: list[NodeProto] = []
        self.initialisers: dict[str, TensorProto] = {}

    def constant(self, name: str, value: npt.ArrayLike, dtype: type[np.generic]) -> str:
        """A small constant, made once."""
        if name not in self.initialisers:
            self.initialisers[name] = numpy_helper.from_array(np.asarray(value, dtype), name)
        return name

    def weight(self, name: str, transposed: bool = False) -> str:
        """One of the model's tensors."""
        array = self._weights[name]
        return self.constant(name, np.ascontiguousarray(array.T) if transposed else array, np.float32)

    def node(
        self, operator: str, inputs: Sequence[str], domain: str = "", output: str = "", **attributes: Any
    ) -> str:
        """Adds one operator."""
        name = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(
            helper.make_node(operator, inputs, [name], domain=domain, name=f"node_{name}", **attributes)
        )
        return name

    def linear(self, value: str, prefix: str, bias: bool = True) -> str:
        """Value · Wᵀ (+ b)."""
        product = self.node("MatMul", [value, self.weight(f"{prefix}.weight", transposed=True)])
        return self.node("Add", [product, self.weight(f"{prefix}.bias")]) if bias else product

    def add_and_norm(self, value: str, residual: str, dense: str, norm: str) -> str:
        """LayerNorm(value + bias of ``dense`` + residual) in one operator."""
        inputs = [value, residual, *(self.weight(f"{norm}.{part}") for part in ("weight", "bias"))]
        bias = self.weight(f"{dense}.bias")
        return self.node("SkipLayerNormalization", [*inputs, bias], CONTRIB, epsilon=EPSILON)


def build(weights: Mapping[str, npt.NDArray[np.float32]]) -> ModelProto:
    """The whole model in fp32, weights inside (91 MB)."""
    graph = GraphBuilder(weights)
    hidden = _embeddings(graph)
    mask = graph.node("Cast", ["attention_mask"], to=TensorProto.INT32)
    for layer in range(LAYERS):
        hidden = _layer(graph, hidden, mask, f"encoder.layer.{layer}")
    _pool(graph, hidden)
    inputs = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "tokens"])
              for name in ("input_ids", "attention_mask")]  # fmt: skip
    output = helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["batch", DIMENSIONS])
    proto = helper.make_graph(
        graph.nodes, "all-MiniLM-L6-v2", inputs, [output], list(graph.initialisers.values())
    )
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid(CONTRIB, 1)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=9)


def _embeddings(graph: GraphBuilder) -> str:
    """Word + position + the one token type that single texts have."""
    zero, one = graph.constant("zero", 0, np.int64), graph.constant("one", 1, np.int64)
    length = graph.node("Gather", [graph.node("Shape", ["input_ids"]), one], axis=0)
    positions = graph.node("Range", [zero, length, one])
    words = graph.node("Gather", [graph.weight("embeddings.word_embeddings.weight"), "input_ids"])
    places = graph.node("Gather", [graph.weight("embeddings.position_embeddings.weight"), positions])
    kind = graph.node("Gather", [graph.weight("embeddings.token_type_embeddings.weight"), zero], axis=0)
    total = graph.node("Add", [graph.node("Add", [words, places]), kind])
    norm = [graph.weight(f"embeddings.LayerNorm.{part}") for part in ("weight", "bias")]
    return graph.node("LayerNormalization", [total, *norm], axis=-1, epsilon=EPSILON)


def _layer(graph: GraphBuilder, hidden: str, mask: str, prefix: str) -> str:
    """Self-attention and feed-forward, each with its residual."""
    parts = [graph.linear(hidden, f"{prefix}.attention.self.{part}") for part in ("query", "key", "value")]
    context = graph.node(
        "MultiHeadAttention", [*parts, "", mask], CONTRIB, num_heads=HEADS, mask_filter_value=MASKED
    )
    dense = f"{prefix}.attention.output.dense"
    attended = graph.linear(context, dense, bias=False)
    attended = graph.add_and_norm(attended, hidden, dense, f"{prefix}.attention.output.LayerNorm")
    inner = graph.linear(attended, f"{prefix}.intermediate.dense", bias=False)
    inner = graph.node("BiasGelu", [inner, graph.weight(f"{prefix}.intermediate.dense.bias")], CONTRIB)
    outer = graph.linear(inner, f"{prefix}.output.dense", bias=False)
    return graph.add_and_norm(outer, attended, f"{prefix}.output.dense", f"{prefix}.output.LayerNorm")


def _pool(graph: GraphBuilder, hidden: str) -> None:
    """The mean over the tokens that are no padding, scaled to length 1."""
    first, second = graph.constant("axis_1", [1], np.int64), graph.constant("axis_2", [2], np.int64)
    mask = graph.node("Cast", ["attention_mask"], to=TensorProto.FLOAT)
    masked = graph.node("Mul", [hidden, graph.node("Unsqueeze", [mask, second])])
    total = graph.node("ReduceSum", [masked, first], keepdims=0)
    mean = graph.node("Div", [total, graph.node("ReduceSum", [mask, first], keepdims=1)])
    square = graph.node("ReduceSum", [graph.node("Mul", [mean, mean]), first], keepdims=1)
    graph.node("Div", [mean, graph.node("Sqrt", [square])], output="embedding")
