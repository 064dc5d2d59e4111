"""LiteLLM's price list, read without importing LiteLLM (whose import takes seconds and 200 MB).

The file holds 4,000 models in 3 MB. One entry is found by a search in the mapped file and decoded alone, so that
the process keeps none of the rest.
"""

import importlib.util
import json
import mmap
from functools import lru_cache
from pathlib import Path
from typing import Any

from minirag_contracts.requests.chat import ModelPrice

from minirag_chat.ports import TokenCount

FILE = "model_prices_and_context_window_backup.json"
ENTRY_MAX = 64 * 1024
"""Bytes of one model's entry at most; the longest are under 4 kB."""

TIERS = (512, 272, 200, 128, 100)
"""Thousands of prompt tokens above which some models cost more (fields ``…_above_<n>k_tokens``), the highest first."""


class Catalogue:
    """Providers and prices by model name."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path or packaged_file()
        self._cached = lru_cache(maxsize=1024)(self._find)

    def provider(self, model: str) -> str | None:
        """LiteLLM's name of the model's provider; None for an unknown name."""
        entry = self._cached(model)
        return None if entry is None else entry.get("litellm_provider")

    def cost_usd(self, names: tuple[str, ...], count: TokenCount) -> float | None:
        """What an answer costs in US dollars, at the first of the names that has a price; None where none has."""
        for name in names:
            entry = self._cached(name)
            if entry is not None and entry.get("input_cost_per_token") is not None:
                return _cost(entry, count)
        return None

    def price(self, names: tuple[str, ...]) -> ModelPrice | None:
        """US dollars for a million tokens, without tiers and caches, at the first of the names that has a price."""
        for name in names:
            entry = self._cached(name)
            if entry is not None and entry.get("input_cost_per_token") is not None:
                return ModelPrice(
                    prompt_cost_per_1m=_per_million(entry["input_cost_per_token"]),
                    completion_cost_per_1m=_per_million(entry.get("output_cost_per_token") or 0.0),
                )
        return None

    def _find(self, model: str) -> dict[str, Any] | None:
        if self._path is None:
            return None
        key = f"\n    {json.dumps(model)}: ".encode()
        with self._path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            start = text.find(key)
            if start < 0:
                return None
            chunk = text[start + len(key) : start + len(key) + ENTRY_MAX].decode("utf-8", "ignore")
        entry: dict[str, Any] = json.JSONDecoder().raw_decode(chunk)[0]
        return entry


def packaged_file() -> Path | None:
    """Where the installed LiteLLM keeps its price list; None without LiteLLM."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        return None
    path = Path(next(iter(spec.submodule_search_locations))) / FILE
    return path if path.is_file() else None


def _per_million(price: float) -> float:
    return round(float(price) * 1_000_000, 6)


def _cost(entry: dict[str, Any], count: TokenCount) -> float:
    suffix = next(
        (
            f"_above_{tier}k_tokens"
            for tier in TIERS
            if count.prompt_tokens > tier * 1000 and f"input_cost_per_token_above_{tier}k_tokens" in entry
        ),
        "",
    )

    def price(name: str, fallback: float = 0.0) -> float:
        value = entry.get(name + suffix, entry.get(name))
        return float(fallback if value is None else value)

    fresh = price("input_cost_per_token")
    cached = min(count.cached_tokens, count.prompt_tokens)
    return (
        (count.prompt_tokens - cached) * fresh
        + cached * price("cache_read_input_token_cost", fresh)
        + count.completion_tokens * price("output_cost_per_token")
    )
