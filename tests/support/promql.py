"""What the alerts and the dashboard ask Prometheus for: expressions, and the metrics and labels in them."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import promql_parser as promql
import yaml

FOLDER = Path(__file__).parents[2] / "deploy/observability"

OF_TARGETS = {"job", "instance"}
"""Labels that Prometheus adds itself."""


OF_PROMETHEUS = {"up"}
"""Metrics that it tells of its targets itself."""

Samples = Mapping[str, Sequence[Mapping[str, str]]]
"""Metric → the labels of its series."""


@dataclass
class Question:
    """One expression: its metrics with the matched labels and values of each, and the labels that it groups by or shows."""

    text: str
    matched: dict[str, dict[str, str]] = field(default_factory=dict)
    labels: set[str] = field(default_factory=set)


def question(text: str, shown: str = "") -> Question:
    """Parses it; raises ValueError for what is no PromQL."""
    asked = Question(text, labels=set(re.findall(r"(?:\{\{\s*|\$labels\.)(\w+)\s*\}\}", shown)))

    def visit(node: Any) -> None:
        if isinstance(node, promql.VectorSelector):
            values = {m.name: m.value for m in node.matchers.matchers if m.op == promql.MatchOp.Equal}
            names = {m.name: values.get(m.name, "") for m in node.matchers.matchers}
            asked.matched.setdefault(node.name, {}).update(names)
        modifier = getattr(node, "modifier", None)
        matching = getattr(modifier, "matching", modifier)
        if matching is not None:
            asked.labels.update(matching.labels)

    promql.walk(promql.parse(text.replace("$__rate_interval", "5m")), visit)
    return asked


def missed(text: str, samples: Samples) -> list[dict[str, str]]:
    """What an expression of `absent(…)` joined by `or` answers to these series, now; raises TypeError for another one."""

    def visit(node: Any) -> list[dict[str, str]]:
        if isinstance(node, promql.BinaryExpr) and str(node.op) == "or":
            return visit(node.lhs) + visit(node.rhs)
        if isinstance(node, promql.Call) and node.func.name == "absent":
            (selector,) = node.args
            wanted = {m.name: m.value for m in selector.matchers.matchers if m.op == promql.MatchOp.Equal}
            if len(wanted) == len(selector.matchers.matchers) and selector.offset is None:
                there = any(wanted.items() <= labels.items() for labels in samples.get(selector.name, ()))
                return [] if there else [wanted]
        raise TypeError(text)

    return visit(promql.parse(text))


def alerts() -> list[dict[str, Any]]:
    """The rules."""
    groups = yaml.safe_load((FOLDER / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def questions() -> Iterator[Question]:
    """Of every alert and every panel."""
    for rule in alerts():
        yield question(rule["expr"], rule["annotations"]["summary"])
    for panel in json.loads((FOLDER / "dashboard.json").read_text())["panels"]:
        for target in panel.get("targets", ()):
            yield question(target["expr"], target["legendFormat"])
