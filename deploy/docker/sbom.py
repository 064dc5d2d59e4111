"""``sbom.py SERVICE VERSION FILE``, in the image's build: lists what the image holds, as CycloneDX.

Python's packages with their licences come from the environment itself (cyclonedx-py), those of the base from dpkg, and what the
dashboard is made of from its lock.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DASHBOARD = Path("dashboard/package-lock.json")
FIELDS = "${db:Status-Abbrev}\\t${Package}\\t${Version}\\t${Architecture}\\n"

Component = dict[str, Any]


def python_packages() -> dict[str, Any]:
    """The document that the others are added to."""
    listing = [
        sys.executable,
        "-m",
        "cyclonedx_py",
        "environment",
        "--output-reproducible",
        "--output-format",
        "JSON",
    ]
    done = subprocess.run([*listing, "/opt/minirag/bin/python"], capture_output=True, text=True, check=True)
    return dict(json.loads(done.stdout))


def system_packages() -> Iterator[Component]:
    """Those of the base; none where it has no dpkg."""
    try:
        done = subprocess.run(
            ["dpkg-query", "--show", f"--showformat={FIELDS}"], capture_output=True, text=True, check=True
        )
    except FileNotFoundError:
        return
    for line in done.stdout.splitlines():
        state, name, version, architecture = line.split("\t")
        if state.startswith("ii"):
            purl = f"pkg:deb/debian/{name}@{version}?arch={architecture}"
            yield component(name, version, purl.replace("+", "%2B").replace("~", "%7E"))


def served_packages() -> Iterator[Component]:
    """What browsers are sent, in the gateway alone."""
    if not DASHBOARD.exists():
        return
    for path, package in json.loads(DASHBOARD.read_text(encoding="utf-8"))["packages"].items():
        name = path.rpartition("node_modules/")[2]
        if name and not package.get("dev") and not package.get("optional"):
            purl = f"pkg:npm/{name.replace('@', '%40')}@{package['version']}"
            licence = [{"expression": package["license"]}] if "license" in package else []
            yield {**component(name, package["version"], purl), "licenses": licence}


def component(name: str, version: str, purl: str) -> Component:
    """One entry."""
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}


def main(service: str, version: str, target: str) -> None:
    """Write the document."""
    document = python_packages()
    document["components"] += [*system_packages(), *served_packages()]
    image = {"type": "container", "bom-ref": "image", "name": f"minirag-{service}", "version": version}
    document["metadata"]["component"] = image
    Path(target).write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"minirag-{service}: {len(document['components'])} components")


main(*sys.argv[1:4])
