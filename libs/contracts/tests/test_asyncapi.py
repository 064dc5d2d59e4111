"""The AsyncAPI document: whole, without dangling references, and true in its examples."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator, Draft202012Validator
from minirag_contracts.asyncapi import document
from minirag_contracts.examples import TENANT_ID
from minirag_contracts.schemas import public_example, public_schema, published_models
from minirag_contracts.topology import STREAM_OF
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

DOCUMENT = document()
MODELS = published_models()
ROOT = "urn:document"
REGISTRY: Registry[Any] = Registry().with_resource(ROOT, Resource(contents=DOCUMENT, specification=DRAFT7))

KEY = re.compile(r"[\w.-]+\Z")
"""What AsyncAPI 3.0 allows as the name of a component."""


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def resolved(reference: str) -> Any:
    assert reference.startswith("#/"), reference
    part: Any = DOCUMENT
    for token in reference.removeprefix("#/").split("/"):
        part = part[token]
    return part


def test_it_has_what_asyncapi_demands() -> None:
    assert DOCUMENT["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(DOCUMENT["info"])
    for server in DOCUMENT["servers"].values():
        assert server["host"] and server["protocol"] in ("http", "nats")
    for channel in DOCUMENT["channels"].values():
        names = set(re.findall(r"\{(\w+)\}", channel["address"]))
        assert names == set(channel.get("parameters", {}))
        assert set(channel) <= {"address", "title", "description", "servers", "parameters", "messages"}
    for operation in DOCUMENT["operations"].values():
        assert operation["action"] == "send"
        assert operation["channel"]["$ref"].startswith("#/channels/")
        own = operation["channel"]["$ref"] + "/messages/"
        assert all(message["$ref"].startswith(own) for message in operation["messages"])
    for kind in DOCUMENT["components"].values():
        assert all(KEY.match(name) for name in kind)


def test_every_reference_leads_somewhere() -> None:
    found = set(references(DOCUMENT))
    assert len(found) > 2 * len(MODELS)
    for reference in found:
        assert resolved(reference)


def test_every_component_is_used() -> None:
    used = set(references(DOCUMENT))
    for kind in ("schemas", "messages"):
        for name in DOCUMENT["components"][kind]:
            assert f"#/components/{kind}/{name}" in used, name


@pytest.mark.parametrize("name", DOCUMENT["components"]["messages"])
def test_an_example_is_valid_under_its_schema(name: str) -> None:
    message = DOCUMENT["components"]["messages"][name]
    validator = Draft7Validator({"$ref": f"{ROOT}#/components/messages/{name}/payload"}, registry=REGISTRY)
    assert message["examples"]
    for example in message["examples"]:
        validator.validate(example["payload"])
    assert not validator.is_valid({"data": 5})


def test_the_stream_has_every_event_and_the_bus_a_subject_for_each() -> None:
    assert set(DOCUMENT["channels"]["events"]["messages"]) == {*MODELS, "progress"}
    for event_type, model in MODELS.items():
        channel = DOCUMENT["channels"][f"bus.{event_type}"]
        subject = channel["address"].format(tenant_id=TENANT_ID)
        nouns = [known.removesuffix(">") for known in STREAM_OF[model.owner].subjects]
        assert any(subject.startswith(noun) for noun in nouns)


def test_what_is_internal_is_on_the_bus_alone() -> None:
    schemas = DOCUMENT["components"]["schemas"]
    assert "token_hash" in schemas["token.created.recorded"]["properties"]
    assert "token_hash" not in schemas["token.created"]["properties"]
    assert "token_hash" not in str(DOCUMENT["components"]["messages"]["token.created"])


@pytest.mark.parametrize("event_type", MODELS)
def test_what_a_tenant_sees_is_valid_under_the_schema_of_it(event_type: str) -> None:
    model = MODELS[event_type]
    Draft202012Validator(public_schema(model)).validate(public_example(model))
