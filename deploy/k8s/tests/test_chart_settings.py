"""Every variable of a pod is read by its service, every required one is supplied, and the service takes the values."""

import base64
import os
import secrets
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from minirag_admin import cli
from minirag_admin.settings import AdminSettings
from minirag_contracts.topology import SERVICES
from rendered_chart import Object, Rendered, containers, environment, secret_files, values_of
from source_tree import ROOT

sys.path.append(str(ROOT / "tools"))

from settings import settings_of, variable

FOREIGN = ("OTEL_", "SSL_CERT_FILE", "PGSSLROOTCERT")
PROVIDERS = ("OPENAI_", "ANTHROPIC_")
"""Read by libraries under their own names: in every service, and in chat."""


def known_to(service: str) -> set[str]:
    """The variables of a service's settings class."""
    model = settings_of(service)
    return {variable(model, name) for name in model.model_fields}


def required_by(service: str) -> set[str]:
    """Those without which it does not start."""
    model = settings_of(service)
    return {variable(model, name) for name, field in model.model_fields.items() if field.is_required()}


def ours(names: set[str], service: str = "") -> set[str]:
    """Without those of libraries; whom nobody but chat asks has no business elsewhere."""
    others = FOREIGN + (PROVIDERS if service == "chat" else ())
    return {name for name in names if not name.startswith(others)}


def secret(name: str) -> str:
    """A value as `minirag-admin secrets` makes it."""
    if name == "MINIRAG_SECRET_KEY":
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_hex(16)


def as_started(service: str, pod: Object, monkeypatch: pytest.MonkeyPatch, folder: Path):
    """The settings of a service with nothing but the variables and files of its pod."""
    for name in list(os.environ):
        if name in known_to(service):
            monkeypatch.delenv(name)
    for name, value in environment(pod["spec"]["containers"][0]).items():
        monkeypatch.setenv(name, value)
    mounted = folder / service
    mounted.mkdir()
    for name in secret_files(pod):
        (mounted / name).write_text(secret(name))
    monkeypatch.setenv("MINIRAG_SECRETS_DIR", str(mounted))
    return settings_of(service)()


def test_a_service_reads_every_variable_and_file_that_it_is_given(chart: Rendered) -> None:
    for service, pod in chart.services().items():
        given = set(environment(pod["spec"]["containers"][0])) | secret_files(pod)
        assert ours(given, service) <= known_to(service), service


def test_a_service_is_given_all_that_it_requires(chart: Rendered) -> None:
    for service, pod in chart.services().items():
        given = set(environment(pod["spec"]["containers"][0])) | secret_files(pod)
        assert required_by(service) | {"MINIRAG_NATS_PASSWORD"} <= given, service


def test_a_service_starts_with_what_its_pod_has(
    chart: Rendered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for service, pod in chart.services().items():
        with monkeypatch.context() as patch:
            settings = as_started(service, pod, patch, tmp_path)
        assert settings.mode == "server"
        assert settings.nats_user == service
        assert settings.nats_url == environment(pod["spec"]["containers"][0])["MINIRAG_NATS_URL"]


def test_secrets_are_files_and_no_variables(chart: Rendered) -> None:
    from chart import is_secret

    for service, pod in chart.services().items():
        model = settings_of(service)
        hidden = {variable(model, name) for name, field in model.model_fields.items() if is_secret(field)}
        assert "MINIRAG_SECRET_KEY" in hidden
        for container in containers(pod):
            assert not hidden & set(environment(container))
            assert not [name for name in environment(container) if name.endswith("_KEY")]


def test_the_jobs_have_what_the_admin_command_reads(
    chart: Rendered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    fields = AdminSettings.model_fields
    read = {f"MINIRAG_{name.upper()}" for name in fields}
    given = {"admin_roles": '{"chat": "x"}'}
    for name, pod in chart.pods():
        if name.startswith("Deployment/"):
            continue
        (container,) = pod["spec"]["containers"]
        assert (
            {"MINIRAG_ADMIN_DATABASE_URL", "MINIRAG_ADMIN_ROLES"}
            <= ours(set(environment(container)) | secret_files(pod))
            <= read
        )
        assert name.startswith("CronJob/") or parsed(container["args"]), container
        for file in secret_files(pod):
            (tmp_path / file).write_text(given.get(file.removeprefix("MINIRAG_").lower(), secret(file)))
        with monkeypatch.context() as patch:
            for variable_name, value in environment(container).items():
                patch.setenv(variable_name, value)
            patch.setenv("MINIRAG_SECRETS_DIR", str(tmp_path))
            settings = AdminSettings.read()
        assert settings.nats_url == environment(container)["MINIRAG_NATS_URL"]
        assert settings.roles == {"chat": "x"}
        assert settings.database


def parsed(arguments: list[str]) -> bool:
    """Whether the command takes these arguments."""
    return bool(vars(cli._parser().parse_args(arguments)))  # exits where it does not


def test_secrets_are_made_under_the_names_that_pods_ask_for(production: Rendered, tmp_path: Path) -> None:
    """`kubectl create secret generic minirag-chat --from-file=DIR/chat`, with providers' keys added by hand."""
    folder = tmp_path / "secrets"
    assert cli.main(["secrets", str(folder)]) == 0
    by_hand = {"OPENAI_API_KEY", "ANTHROPIC_API_KEY"}
    for service, pod in production.services().items():
        assert secret_files(pod) - by_hand == {path.name for path in (folder / service).iterdir()}
    for name, pod in production.pods():
        if not name.startswith("Deployment/"):
            assert secret_files(pod) == {path.name for path in (folder / "admin").iterdir()}


def test_values_arrive_as_they_were_meant(
    production: Rendered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Large numbers without an exponent, lists and objects as JSON, durations as they are."""
    pods = production.services()
    gateway = as_started("gateway", pods["gateway"], monkeypatch, tmp_path)
    assert gateway.limit_upload_bytes == 2147483648
    assert gateway.drain == timedelta(seconds=75 - 15 - 10)  # as long as the pod may take
    assert gateway.signup_mode == "invite"
    assert gateway.origins == ["https://www.example.com", "https://help.example.com"]
    ingest = as_started("ingest", pods["ingest"], monkeypatch, tmp_path)
    assert ingest.ingest_retry_delays == tuple(timedelta(seconds=each) for each in (5, 30, 120, 600))
    assert ingest.ingest_tenant_share == 0.25
    assert as_started("retrieval", pods["retrieval"], monkeypatch, tmp_path).qdrant_replication == 3
    chat = as_started("chat", pods["chat"], monkeypatch, tmp_path)
    assert chat.default_llm_model == "gpt-4o-mini"
    assert chat.prices["default"].completion_cost_per_1m == 1.5
    assert "OPENAI_API_KEY" in secret_files(pods["chat"])


def test_trusted_proxies_are_told_to_the_gateway(
    keda: Rendered, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = as_started("gateway", keda.services()["gateway"], monkeypatch, tmp_path)
    assert settings.trusted_proxies == "10.244.0.0/16,203.0.113.0/24,2001:db8:1::/48"


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_of_a_service_can_be_set_to_its_default(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that the types of values.schema.json are those of the settings classes."""
    import yaml
    from chart import CHART_DECIDES, is_secret
    from pydantic_core import to_jsonable_python

    model = settings_of(service)
    defaults = {
        variable(model, name): to_jsonable_python(field.default)
        for name, field in model.model_fields.items()
        if not (is_secret(field) or field.is_required() or field.default is None)
        and variable(model, name) not in CHART_DECIDES
    }
    assert defaults
    values = tmp_path / "values.yaml"
    values.write_text(yaml.safe_dump({"services": {service: {"settings": defaults}}}))
    pod = Rendered("-f", values_of("minimal"), "-f", values).services()[service]
    settings = as_started(service, pod, monkeypatch, tmp_path)
    for name in model.model_fields:
        if variable(model, name) in defaults:
            assert getattr(settings, name) == model.model_fields[name].default, name
