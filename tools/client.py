"""Makes the typed Python client of the API, a package that pip can install: ``python tools/client.py`` → ``clients/python``.

Fails if the generator has to leave anything of the document out.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "docs" / "openapi.json"
TARGET = ROOT / "clients" / "python"


def simplified() -> str:
    """The document for a generator that takes an answer as a whole: an event stream is its text."""
    spec = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    for path in spec["paths"].values():
        for operation in path.values():
            for answer in operation["responses"].values():
                if "text/event-stream" in answer.get("content", {}):
                    answer["content"]["text/event-stream"]["schema"] = {"type": "string"}
    return json.dumps(spec)


def main() -> None:
    """Generate."""
    TARGET.parent.mkdir(exist_ok=True)
    source = TARGET.with_suffix(".json")
    source.write_text(simplified(), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("openapi-python-client")), "generate", "--overwrite"]
    options = ["--path", str(source), "--output-path", str(TARGET)]
    options += ["--config", str(ROOT / "tools" / "client.yml")]
    done = subprocess.run(
        [*command, *options, "--meta", "uv", "--fail-on-warning"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"the client could not be made:\n{done.stdout}")
    print(f"pip install {TARGET.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
