"""The folder of generated files: the int8 graph, the tokenizer, and a manifest that says what they are made
of.
"""

import json
import shutil
import sys
import tempfile
from pathlib import Path

from minirag_retrieval.model_files.weights import (
    TOKENIZER_SHA256,
    WEIGHTS_SHA256,
    ModelFilesError,
    packaged,
    read_safetensors,
)

FORMAT = 1
"""Raised whenever the same weights would give another graph: existing folders are then made again."""
GRAPH_NAME = "all-MiniLM-L6-v2.int8.onnx"
TOKENIZER_NAME = "tokenizer.json"
MANIFEST_NAME = "manifest.json"

__all__ = ["GRAPH_NAME", "TOKENIZER_NAME", "ModelFilesError", "are_complete", "default_folder", "generate"]


def default_folder() -> Path:
    """Inside the environment that the package is installed in."""
    return Path(sys.prefix) / "share" / "minirag" / "model"


def are_complete(folder: Path) -> bool:
    """True if the folder holds what this build would make: same format and weights, nothing truncated."""
    try:
        manifest = json.loads((folder / MANIFEST_NAME).read_text())
        sizes = {name: (folder / name).stat().st_size for name in manifest["sizes"]}
    except (OSError, ValueError, KeyError, TypeError):
        return False
    return bool(manifest == _manifest(sizes))


def generate(folder: Path) -> bool:
    """Makes the files; False if they were there already. Raises ModelFilesError without touching the folder."""
    if are_complete(folder):
        return False
    weights = packaged("model.safetensors", WEIGHTS_SHA256)
    tokenizer = packaged(TOKENIZER_NAME, TOKENIZER_SHA256)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as workshop:
        shutil.copyfile(tokenizer, Path(workshop) / TOKENIZER_NAME)
        _quantise(weights, Path(workshop) / GRAPH_NAME)
        sizes = {name: (Path(workshop) / name).stat().st_size for name in (GRAPH_NAME, TOKENIZER_NAME)}
        (Path(workshop) / MANIFEST_NAME).write_text(json.dumps(_manifest(sizes), indent=1) + "\n")
        for name in (
            GRAPH_NAME,
            TOKENIZER_NAME,
            MANIFEST_NAME,
        ):  # the manifest last: it vouches for the others
            (Path(workshop) / name).replace(folder / name)
    return True


def _manifest(sizes: dict[str, int]) -> dict[str, object]:
    return {
        "format": FORMAT,
        "weights_sha256": WEIGHTS_SHA256,
        "tokenizer_sha256": TOKENIZER_SHA256,
        "sizes": sizes,
    }


def _quantise(weights: Path, target: Path) -> None:
    """Writes the int8 graph. onnx and the quantiser are imported here: no running service needs them."""
    import logging

    from onnx import TensorProto
    from onnxruntime.quantization import QuantType, quantize_dynamic

    from minirag_retrieval.model_files.graph import build

    logging.getLogger().setLevel(
        logging.ERROR
    )  # the quantiser advises a preprocessing that fused graphs do not need
    model = build(read_safetensors(weights))
    options = {
        "DefaultTensorType": TensorProto.FLOAT
    }  # onnx cannot infer the types behind the fused operators
    quantize_dynamic(model, target, weight_type=QuantType.QInt8, per_channel=True, extra_options=options)
