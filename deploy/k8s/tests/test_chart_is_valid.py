"""helm takes the chart, and Kubernetes' own schemas take what it makes; nothing here asks a cluster."""

import re
import shutil
from functools import cache
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml
from kubernetes_validate import utils
from rendered_chart import CHART, EXAMPLES, FOLDER, NAMESPACE, Rendered, run_helm, template, values_of

VERSIONS = ("1.31", "1.34", "1.35", "1.36", "1.37")
"""The oldest that Chart.yaml allows, and the four newest that have schemas."""

OTHERS = {
    path.stem: yaml.safe_load(path.read_text()) for path in (Path(__file__).parent / "schemas").glob("*.yaml")
}
"""Kinds that are no part of Kubernetes: the fields that the chart writes, by their published reference."""


@pytest.fixture(scope="module", autouse=True)
def schemas_read_once():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(utils, "schema_contents", cache(utils.schema_contents))
        yield


def test_there_are_three_sets_of_values() -> None:
    assert EXAMPLES == ["keda-ingress", "minimal", "production"]


@pytest.mark.parametrize("example", EXAMPLES)
def test_helm_lints_it(example: str) -> None:
    done = run_helm("lint", "--strict", CHART, "-f", values_of(example))
    assert done.returncode == 0, done.stdout
    assert not re.search(r"\[(WARNING|ERROR)\]", done.stdout), done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_every_object_has_the_form_of_a_kubernetes_version(chart: Rendered, version: str) -> None:
    ours = [each for each in chart.objects if each["kind"] not in OTHERS]
    assert len(ours) >= 25
    for each in ours:
        assert kubernetes_validate.validate(each, version, strict=True) == version


def test_the_schemas_are_strict(production: Rendered) -> None:
    """A field that Kubernetes does not know would be dropped silently by a server."""
    deployment = next(iter(production.kind("Deployment").values()))
    wrong = {**deployment, "spec": {**deployment["spec"], "replica": 3}}
    for version in VERSIONS:
        with pytest.raises(kubernetes_validate.ValidationError, match="replica"):
            kubernetes_validate.validate(wrong, version, strict=True)


def test_objects_of_other_projects_have_their_form(production: Rendered, keda: Rendered) -> None:
    found = [each for each in (*production.objects, *keda.objects) if each["kind"] in OTHERS]
    assert {each["kind"] for each in found} == {"HTTPRoute", "ServiceMonitor", "ScaledObject"}
    for each in found:
        jsonschema.Draft202012Validator(OTHERS[each["kind"]]).validate(each)


@pytest.mark.parametrize("kind", sorted(OTHERS))
def test_the_schemas_of_other_projects_refuse_what_is_unknown(kind: str) -> None:
    schema = OTHERS[kind]
    jsonschema.Draft202012Validator.check_schema(schema)
    wrong = {
        "apiVersion": schema["properties"]["apiVersion"]["const"],
        "kind": kind,
        "metadata": {"name": "x"},
    }
    with pytest.raises(jsonschema.ValidationError, match="unexpected"):
        jsonschema.Draft202012Validator(schema).validate({**wrong, "spec": {"tyop": 1}, "sepc": {}})


def test_every_object_is_of_the_namespace_and_named_once(chart: Rendered) -> None:
    names = [(each["kind"], each["metadata"]["name"]) for each in chart.objects]
    assert len(names) == len(set(names))
    assert {each["metadata"]["namespace"] for each in chart.objects} == {NAMESPACE}
    assert all(len(name) <= 63 for _, name in names)


def test_a_long_name_of_a_release_is_cut_where_names_end(tmp_path: Path) -> None:
    long = "a" * 38 + "-" + "b" * 14
    done = run_helm("template", long, CHART, "-f", values_of("production"), "--kube-version", "1.37.0")
    assert done.returncode == 0, done.stderr
    objects = [each for each in yaml.safe_load_all(done.stdout) if each]
    assert max(len(each["metadata"]["name"]) for each in objects) <= 63


def test_an_old_cluster_is_refused() -> None:
    done = run_helm("template", "x", CHART, "-f", values_of("minimal"), "--kube-version", "1.30.0")
    assert done.returncode
    assert "requires kubeVersion: >=1.31.0-0" in done.stderr


def test_the_overlay_names_the_chart_and_its_values_render() -> None:
    """Kustomize itself is not run: no package of it can be had here."""
    overlay = FOLDER / "overlay"
    wanted = yaml.safe_load((overlay / "kustomization.yaml").read_text())
    (inflated,) = wanted["helmCharts"]
    chart = (overlay / wanted["helmGlobals"]["chartHome"] / inflated["name"]).resolve()
    assert chart == CHART
    assert inflated["skipHooks"] is True
    place = (
        inflated["releaseName"],
        chart,
        "-n",
        inflated["namespace"],
        "--kube-version",
        inflated["kubeVersion"],
    )
    done = run_helm("template", *place, "--no-hooks", "-f", overlay / inflated["valuesFile"])
    assert done.returncode == 0, done.stderr
    made = {(each["kind"], each["metadata"]["name"]) for each in yaml.safe_load_all(done.stdout) if each}
    for patch in wanted["patches"]:
        target = patch["target"]
        named = [name for kind, name in made if kind == target["kind"]]
        assert [name for name in named if re.fullmatch(target.get("name", ".*"), name)], target
    for path in wanted["resources"]:
        assert yaml.safe_load((overlay / path).read_text())["kind"]


@pytest.mark.parametrize(
    ("example", "told"),
    [
        ("minimal", "Sign-up is invite."),
        ("production", "Sign-up is invite."),
        ("keda-ingress", "Sign-up is closed. Nobody can make a tenant"),
    ],
)
def test_who_has_installed_it_is_told_how_to_go_on(example: str, told: str, tmp_path: Path) -> None:
    """helm shows the notes of an installation alone, so here an object shows them."""
    chart = Path(shutil.copytree(CHART, tmp_path / "minirag"))
    (chart / "templates/NOTES.txt").rename(chart / "files/notes.txt")
    shown = 'kind: Shown\ndata: {{ tpl (.Files.Get "files/notes.txt") . | quote }}\n'
    (chart / "templates/shown.yaml").write_text(shown)
    done = template("-f", values_of(example), "-s", "templates/shown.yaml", chart=chart)
    assert done.returncode == 0, done.stderr
    notes = yaml.safe_load(done.stdout)["data"]
    assert told in notes
    assert f"kubectl -n {NAMESPACE} create job operator --from=cronjob/minirag-admin\n" in notes
    assert f"minirag-admin {'--help' if 'closed' in told else 'invite'}\n" in notes
    assert not re.search(r"\n\n\n|[ \t]\n", notes), notes
