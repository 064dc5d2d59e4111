"""A site through HTTP: looked at, crawled, asked about, followed as it changes."""

from collections.abc import AsyncIterator

import pytest
from api import Tenant
from web_site import Site, a_site


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with a_site() as found:
        yield found


async def test_a_site_is_previewed_crawled_cited_and_followed(tenant: Tenant, site: Site) -> None:
    site.page("/", links=["/herons", "/otters", "/admin/"])
    site.page("/herons", "Herons nest in the old poplars by the weir. They return in the middle of March.")
    site.page("/otters", "Otters were seen at the mill pond. The warden counted three of them in October.")
    site.page("/admin/")
    crawl = {"delay_seconds": 0, "exclude": ["/admin/"]}
    look = {"url": site.url(), "crawl": crawl}
    preview = await tenant.call("POST", "/v1/sources/crawl-preview", 200, json=look)
    assert [page["url"] for page in preview["pages"]] == [
        site.url(path) for path in ("/", "/herons", "/otters")
    ]
    assert preview["skipped"] == [{"url": site.url("/admin/"), "reason": "excluded", "detail": ""}]

    bot_id = await tenant.bot()
    body = {"bot_profile_id": bot_id, "name": "Reserve", "source_type": "url", "config": look}
    made = await tenant.call("POST", "/v1/sources", 201, json=body)
    assert made["config"] == look
    path = f"/v1/sources/{made['id']}"
    await tenant.call("POST", f"{path}/ingest", 202)
    whole = await tenant.ready(made["id"])
    assert (whole["document_count"], whole["children_count"]) == (3, 3)
    children = await tenant.call("GET", f"{path}/children", 200)
    pages = {child["config"]["url"]: child["id"] for child in children}
    for child in children:
        assert (await tenant.ready(child["id"]))["parent_id"] == made["id"]
    reply = await tenant.ask(bot_id, "How many otters did the warden count?")
    assert "three" in reply["message"]["content"]
    assert (reply["sources"][0]["source_id"], reply["sources"][0]["title"]) == (
        pages[site.url("/otters")],
        "otters",
    )
    assert reply["sources"][0]["url"].startswith(site.url("/otters"))

    del site.answers["/otters"]
    await tenant.call("POST", f"{path}/ingest", 202)
    assert (await tenant.ready(made["id"]))["document_count"] == 2
    reply = await tenant.ask(bot_id, "How many otters did the warden count?")
    assert pages[site.url("/otters")] not in {source["source_id"] for source in reply["sources"]}
    site.fail("/", 403)
    await tenant.call("POST", f"{path}/ingest", 202)
    failed = await tenant.settled(made["id"])
    assert failed["error_message"].startswith("The URL answered with status 403")
    assert failed["children_count"] == 2
    await tenant.call("DELETE", path, 204)
    assert (await tenant.ask(bot_id, "Where do herons nest?"))["sources"] == []


async def test_what_cannot_be_crawled_is_refused_with_a_sentence(tenant: Tenant, site: Site) -> None:
    bot_id = await tenant.bot()
    site.fail("/", 404)
    for body, code, words in (
        ({"url": site.url()}, "site_not_seen", "there is no such page"),
        ({"url": "http://169.254.169.254/"}, "site_not_seen", "private network"),
        ({"url": "gopher://x/"}, "invalid_url", "http"),
        ({"url": site.url(), "crawl": {"max_depth": 99}}, "invalid_source", "max_depth"),
        ({"crawl": {}}, "validation_error", "url"),
    ):
        problem = await tenant.call("POST", "/v1/sources/crawl-preview", 422, json=body)
        assert (problem["code"], words in problem["detail"]) == (code, True), problem
    source = {"bot_profile_id": bot_id, "name": "Site", "source_type": "url"}
    config = {"url": site.url(), "crawl": {"pages": 3}}
    problem = await tenant.call("POST", "/v1/sources", 422, json={**source, "config": config})
    assert "crawl has no setting named 'pages'" in problem["detail"]
    config = {"url": site.url(), "crawl": {}}
    parent = await tenant.call("POST", "/v1/sources", 201, json={**source, "config": config})
    child = {**source, "config": config, "parent_id": parent["id"]}
    problem = await tenant.call("POST", "/v1/sources", 422, json=child)
    assert "nested too deeply" in problem["detail"]
