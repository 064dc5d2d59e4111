"""An organisation with something to see: a bot that knows a museum, conversations with feedback, keys, a webhook, colleagues.

Everything goes through the REST API, as a person's own would.
"""

import time
from typing import Any

import httpx

OWNER = {"owner_email": "ada@museum.example", "owner_password": "a long walk by the river"}

TEXTS = {
    "Opening hours and tickets": """The museum opens at nine and closes at six. It is closed on Mondays,
on 24 December and on 1 January.

An adult pays 14 euros, a student with a card 9 euros. Children up to 12 come in for free. A family ticket for two adults and
their children costs 26 euros.

Tickets are sold at the entrance and on the web. A ticket is valid all day: you may go out and come back.
""",
    "The collection": """The oldest piece of the museum is a tower clock from 1531, built by the locksmith Hans Ehemann.
It still strikes every quarter of an hour.

Room 4 shows 212 pocket watches from three centuries.
The smallest has a diameter of eleven millimetres and was made in Geneva in 1790.

On Sundays at two a clockmaker repairs clocks before the eyes of the visitors. Bring yours: looking at it costs nothing.
""",
    "House rules": """Photographs without flash are welcome. Bags larger than 40 centimetres go into a locker, free of charge.
Dogs stay outside, assistance dogs are welcome. All rooms can be reached by wheelchair; a lift is beside the shop.
""",
}

QUESTIONS = [
    ("How much is a ticket for a student?", "positive"),
    ("Who built the oldest clock?", "positive"),
    ("When is the museum closed?", None),
    ("May I take photographs?", "positive"),
    ("Is there a car park?", "negative"),
    ("What can I see in room 4?", None),
]


def seed(url: str, *, origin: str, empty: bool = False) -> dict[str, Any]:
    """Makes the organisation at a stack and answers its ids; with ``empty`` nothing but its owner. Its site is at ``origin``."""
    with httpx.Client(base_url=f"{url}/v1", timeout=60) as http:
        slug = f"clocks-{time.time_ns() % 10**9}"
        body = {"tenant_name": "Clock Museum", "tenant_slug": slug, "owner_display_name": "Ada", **OWNER}
        made = _ok(http.post("/tenants", json=body))
        http.headers["Authorization"] = f"Bearer {made['api_token']}"
        known: dict[str, Any] = {"slug": slug, "token": made["api_token"]}
        if not empty:
            _fill(http, known, origin)
        return known


def _fill(http: httpx.Client, known: dict[str, Any], origin: str) -> None:
    bot = _ok(
        http.post(
            "/bot-profiles",
            json={
                "name": "Museum guide",
                "system_prompt": "You help visitors of the clock museum. Be brief and friendly.",
                "greeting": "Welcome to the clock museum! What would you like to know?",
                "suggested_questions": [
                    "When are you open?",
                    "What does a ticket cost?",
                    "What is your oldest piece?",
                ],
            },
        )
    )
    known["bot"] = bot["id"]
    _ok(http.post("/bot-profiles", json={"name": "Shop assistant"}))
    known["sources"] = [_ready(http, bot["id"], name, text) for name, text in TEXTS.items()]
    bad = {
        "bot_profile_id": bot["id"],
        "name": "Press releases",
        "source_type": "url",
        "config": {"url": "http://127.0.0.1:9/press"},
    }
    _ok(http.post(f"/sources/{_ok(http.post('/sources', json=bad))['id']}/ingest"))
    known["chats"] = [_asked(http, bot["id"], question, feedback) for question, feedback in QUESTIONS]
    key = {"bot_profile_id": bot["id"], "name": "Our site", "origins": ["https://www.museum.example", origin]}
    known["key"] = _ok(http.post("/embed-keys", json=key))["key"]
    hook = {"url": "https://hooks.museum.example/minirag", "events": ["chat.message", "source.failed"]}
    known["webhook"] = _ok(http.post("/webhooks", json=hook))["id"]
    for name, role in (("Ben", "admin"), ("Cleo", "member")):
        user = {
            "email": f"{name.lower()}@museum.example",
            "display_name": name,
            "role": role,
            "password": "another long walk",
        }
        _ok(http.post("/users", json=user))


def _ready(http: httpx.Client, bot: str, name: str, text: str) -> str:
    body = {"bot_profile_id": bot, "name": name, "source_type": "text", "content": text}
    source: str = _ok(http.post("/sources", json=body))["id"]
    _ok(http.post(f"/sources/{source}/ingest"))
    until = time.monotonic() + 60
    while _ok(http.get(f"/sources/{source}"))["status"] != "ready":
        if time.monotonic() > until:
            raise TimeoutError(f"{name} is not ready")
        time.sleep(0.2)
    return source


def _asked(http: httpx.Client, bot: str, question: str, feedback: str | None) -> str:
    answer = _ok(http.post("/chat", json={"bot_profile_id": bot, "message": question}))
    chat: str = answer["chat_id"]
    if feedback:
        path = f"/chat/{chat}/messages/{answer['message']['id']}/feedback"
        _ok(http.patch(path, json={"feedback": feedback}))
    return chat


def _ok(response: httpx.Response) -> Any:
    if response.is_error:
        raise RuntimeError(
            f"{response.request.method} {response.request.url}: {response.status_code} {response.text}"
        )
    return response.json() if response.content else None
