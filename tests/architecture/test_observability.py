"""Alerts, dashboard and runbooks belong together. That their metrics exist is shown in tests/e2e/test_telemetry.py."""

import json
import re
import subprocess
import sys
from pathlib import Path

import promql
import pytest
import yaml
from minirag_contracts.topology import SERVICES
from minirag_local.settings import operations_port_of

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/operations.md").read_text()
SECTIONS = dict(re.findall(r"^### (Minirag\w+)\n(.*?)(?=^#)", PAGE + "\n#", re.MULTILINE | re.DOTALL))


def test_the_dashboard_is_what_its_tool_writes() -> None:
    done = subprocess.run(
        [sys.executable, "tools/grafana.py", "--check"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_every_expression_is_promql_about_something() -> None:
    asked = list(promql.questions())
    assert len(asked) > 50
    assert all(question.matched for question in asked)


def test_what_is_no_promql_is_found_out() -> None:
    with pytest.raises(ValueError, match="."):
        promql.question("sum by (job (minirag_ready)")
    found = promql.question('sum by (job) (rate(a_total{status="5xx"}[5m])) > 1', "{{ $labels.kind }}")
    assert found.matched == {"a_total": {"status": "5xx"}}
    assert found.labels == {"job", "kind"}


def test_a_service_that_is_gone_is_missed_for_as_long_as_it_is_gone() -> None:
    """What the expression compares with a time before would end by itself when that time has passed too."""
    (rule,) = [rule for rule in promql.alerts() if rule["alert"] == "MiniragServiceGone"]
    assert promql.missed(rule["expr"], {}) == [{"service": service} for service in SERVICES]
    assert not [each for each in promql.alerts() if re.search(r"\boffset\b", each["expr"])]
    for text in ("absent(up offset 1m)", 'absent(up{job=~"a"})', "up == 0", "absent(a) and absent(b)"):
        with pytest.raises(TypeError):
            promql.missed(text, {})


def test_no_expression_and_no_panel_asks_for_a_tenant() -> None:
    assert not [q.text for q in promql.questions() if any("tenant" in label for label in q.labels)]


@pytest.mark.parametrize("rule", promql.alerts(), ids=lambda rule: rule["alert"])
def test_every_alert_has_a_runbook_that_says_what_it_means_how_to_look_and_what_to_do(
    rule: dict[str, object],
) -> None:
    name = str(rule["alert"])
    assert rule["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"  # type: ignore[index]
    assert rule["labels"]["severity"] in ("critical", "warning")  # type: ignore[index]
    for part in ("**Means.**", "**Look.**", "**Do.**"):
        assert len(SECTIONS[name].partition(part)[2].partition("**")[0]) > 40, (name, part)


def test_every_runbook_is_of_an_alert() -> None:
    assert list(SECTIONS) == [rule["alert"] for rule in promql.alerts()]


def verbs_of(package: str) -> set[str]:
    """As the command line itself says."""
    done = subprocess.run(
        [sys.executable, "-m", package, "--help"], capture_output=True, text=True, check=True
    )
    return set(re.findall(r"^    ([a-z-]+)", done.stdout, re.MULTILINE))


def test_every_command_of_the_page_exists_on_one_machine_and_elsewhere() -> None:
    """A verb that `minirag-admin` does not have is a row of the table of what is done in its place."""
    used = set(re.findall(r"^(?:\$ )?minirag ([a-z-]+)|`minirag ([a-z-]+)", PAGE, re.MULTILINE))
    verbs = {first or second for first, second in used}
    assert {"dead-letters", "rebuild", "logs"} <= verbs <= verbs_of("minirag_local")
    rows = [row for row in re.findall(r"^\| (.*) \|$", PAGE, re.MULTILINE) if "docker compose" in row]
    translated = {row.split("`")[1].split()[1] for row in rows if row.startswith("`minirag ")}
    admin = verbs_of("minirag_admin")
    assert verbs - admin <= translated
    for row in rows:
        _, compose, cluster = row.split(" | ")
        assert compose.startswith("`docker compose ") and cluster.startswith("`kubectl "), row
    named = set(
        re.findall(r"`([a-z-]+)`", next(row for row in rows if "dead-letters" in row).split(" | ")[0])
    )
    assert {"invite", "rebuild", "tenants"} <= named <= admin


@pytest.mark.parametrize("command", re.findall(r"`docker compose ([^`]+)`", PAGE))
def test_a_command_of_compose_is_about_what_there_is(command: str) -> None:
    parts = yaml.safe_load((ROOT / "deploy/compose/compose.yaml").read_text())["services"]
    words = [word for word in command.split() if not word.startswith("-")]
    assert words[0] in ("ps", "logs", "exec", "restart", "run", "stop", "up")
    assert set(words[1:2]) <= set(parts)
    if words[0] == "run":
        assert words[1] == "admin"
        assert words[2] in verbs_of("minirag_admin")


def test_prometheus_finds_every_service_of_the_local_stack() -> None:
    config = yaml.safe_load((promql.FOLDER / "prometheus.yml").read_text())
    found = {job["job_name"]: job["static_configs"][0]["targets"] for job in config["scrape_configs"]}
    assert found == {name: [f"127.0.0.1:{operations_port_of(name, 9400)}"] for name in SERVICES}


def test_panels_do_not_overlap() -> None:
    panels = json.loads((promql.FOLDER / "dashboard.json").read_text())["panels"]
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels)
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) < 24
