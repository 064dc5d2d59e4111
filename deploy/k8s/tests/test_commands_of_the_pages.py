"""What pages tell an operator to type: it is about objects of the chart, and commands that there are."""

import re
import shlex
from importlib.util import find_spec

import pytest
import yaml
from minirag_admin import cli
from rendered_chart import FOLDER, Rendered, run_helm
from source_tree import ROOT

PAGES = (FOLDER / "README.md", ROOT / "docs/operations.md", ROOT / "docs/installation.md")
OURS = r"kubectl -n minirag ([^`|\n#&]*[^`|\n#& ])"
"""`minirag` is the namespace in the pages, and the release's name."""

COMMANDS = [(path.name, found) for path in PAGES for found in re.findall(OURS, path.read_text())]
MADE = {"job/operator"}
"""Names that the pages' own commands give."""


def selected(words: list[str]) -> dict[str, str]:
    """The labels that a command asks for."""
    at = words.index("-l") if "-l" in words else None
    return {} if at is None else dict(pair.split("=") for pair in words[at + 1].split(","))


@pytest.mark.parametrize(("page", "command"), COMMANDS)
def test_a_command_is_about_what_the_chart_makes(page: str, command: str, production: Rendered) -> None:
    words = shlex.split(command)
    there = {f"{each['kind'].lower()}/{each['metadata']['name']}" for each in production.objects}
    for word in words:
        if re.match(r"(deployment|service|job|cronjob)/", word.removeprefix("--from=")):
            assert word.removeprefix("--from=") in there | MADE, (page, command)
    labels = selected(words)
    if labels and "job-name" not in labels:
        own = [each["metadata"].get("labels", {}) for each in production.objects]
        of_pods = [pod["metadata"]["labels"] for _, pod in production.pods()]
        assert [each for each in (*own, *of_pods) if labels.items() <= each.items()], (page, command)


@pytest.mark.parametrize(("page", "command"), [each for each in COMMANDS if " -- " in each[1]])
def test_what_is_run_in_a_pod_can_be_run_there(page: str, command: str) -> None:
    where, _, inside = command.partition(" -- ")
    program, *arguments = shlex.split(inside)
    if "job/operator" in where:
        assert program == "minirag-admin"
        if arguments != ["--help"]:
            assert vars(cli._parser().parse_args(arguments)), (page, command)  # exits where it does not
    else:
        assert (program, arguments[0]) == ("python", "-m")
        assert find_spec(arguments[1])


@pytest.mark.parametrize("command", re.findall(r"^helm (template .*)$", PAGES[0].read_text(), re.MULTILINE))
def test_what_is_rendered_without_a_cluster_can_be(command: str) -> None:
    """As typed: helm's own idea of the cluster's version is too old for the chart."""
    words = [str(ROOT / word) if (ROOT / word).exists() else word for word in shlex.split(command)]
    done = run_helm(*words)
    assert done.returncode == 0, done.stderr
    assert {each["kind"] for each in yaml.safe_load_all(done.stdout)} == {
        "Job",
        "ServiceAccount",
        "NetworkPolicy",
    }
    at = words.index("--kube-version")
    assert "requires kubeVersion" in run_helm(*words[:at], *words[at + 2 :]).stderr


@pytest.mark.parametrize("page", [path.name for path in PAGES])
def test_a_page_that_uses_the_operators_pod_says_how_it_is_made(page: str) -> None:
    said = {command for name, command in COMMANDS if name == page}
    assert any(command.startswith("exec") and "job/operator" in command for command in said)
    assert "create job operator --from=cronjob/minirag-admin" in said
    assert "wait --for=condition=Ready pod -l job-name=operator" in said
