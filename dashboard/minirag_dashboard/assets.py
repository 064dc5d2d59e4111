"""Makes what is served and not committed: ``python -m minirag_dashboard.assets``, in a checkout or an unpacked sdist.

Fetches the npm packages that package-lock.json names, then makes ``app/vendor/`` (libraries, the style sheet, licences)
and ``widget/dist/``. Both are made beside their place and put there whole: who is served never gets halves.
"""

import json
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from minirag_dashboard.node import AssetsError, Node, required

ROOT = Path(__file__).parents[1]
MODULES = ROOT / "node_modules"
VENDOR = ROOT / "app/vendor"
WIDGET = ROOT / "widget/dist"

LIBRARIES = {
    "alpine.esm.js": "@alpinejs/csp/dist/module.esm.js",
    "chart.umd.js": "chart.js/dist/chart.umd.js",
    "marked.esm.js": "marked/lib/marked.esm.js",
    "purify.es.js": "dompurify/dist/purify.es.mjs",
}
"""The file below app/vendor/, and the one that it is made from."""

BUNDLES = {"tus.esm.js": "tus-js-client/lib.esm/browser/index.js"}
"""The same, of libraries that come in several files."""

NOT_SERVED = frozenset(
    {"buffer-from", "combine-errors", "custom-error-instance", "graceful-fs", "is-stream", "lodash.throttle"}
    | {"lodash.uniqby", "proper-lockfile", "retry", "signal-exit"}
)
"""What tus-js-client brings for Node alone, with the ``lodash._…`` of these."""

STYLES = "tailwindcss"
"""The style sheet begins with Tailwind's own rules, so its licence is told as well."""

RULE = "\n" + "-" * 80 + "\n\n"


def make() -> None:
    """Bring everything up to date."""
    node = required()
    node.install(ROOT)
    with tempfile.TemporaryDirectory(prefix=".assets-", dir=ROOT) as folder:
        vendor, widget = Path(folder, "vendor"), Path(folder, "widget")
        for name, source in LIBRARIES.items():
            _esbuild(node, MODULES / source, vendor / name)
        for name, source in BUNDLES.items():
            _esbuild(node, MODULES / source, vendor / name, "--bundle", "--format=esm")
        _style_sheet(node, vendor / "app.css")
        (vendor / "LICENSES.txt").write_text(RULE.join(_licences()), encoding="utf-8")
        _widget(node, widget)
        (vendor / ".made").touch()
        _put(widget, WIDGET)
        _put(vendor, VENDOR)


def _esbuild(node: Node, source: Path, target: Path, *options: str) -> None:
    node.run(
        MODULES / "esbuild/bin/esbuild",
        source,
        "--minify",
        "--legal-comments=inline",
        "--log-level=warning",
        f"--outfile={target}",
        *options,
        cwd=ROOT,
    )


def _style_sheet(node: Node, target: Path) -> None:
    """Tailwind looks for class names where app.css tells it to."""
    cli = MODULES / "@tailwindcss/cli/dist/index.mjs"
    node.run(cli, "--input", ROOT / "app/css/app.css", "--output", target, "--minify", cwd=ROOT / "app")


def _widget(node: Node, folder: Path) -> None:
    """One script and one style sheet for other people's pages."""
    script = ["--bundle", "--format=iife", "--target=es2020"]
    _esbuild(node, ROOT / "widget/src/main.js", folder / "minirag-widget.js", *script)
    _esbuild(
        node, ROOT / "widget/minirag-widget.css", folder / "minirag-widget.css", "--bundle", "--target=es2020"
    )


def _put(made: Path, place: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    made.rename(place)


def _licences() -> Iterator[str]:
    """The name, version and licence of every package that has a part in what is served."""
    lock = json.loads((ROOT / "package-lock.json").read_text(encoding="utf-8"))
    for path, package in sorted(lock["packages"].items()):
        name = path.removeprefix("node_modules/")
        is_made_with = package.get("dev") or package.get("optional")
        if name == STYLES or (name and not is_made_with and not _is_for_node(name)):
            yield f"{name} {package['version']} ({package['license']})\n\n{_licence(name)}\n"


def _is_for_node(name: str) -> bool:
    return name in NOT_SERVED or name.startswith("lodash._")


def _licence(name: str) -> str:
    """What the package ships, or what ``licences/`` keeps for one that ships none."""
    kept = ROOT / "licences" / f"{name.removeprefix('@').replace('/', '-')}.txt"
    for file in [*sorted((MODULES / name).glob("LICENSE*")), kept]:
        if file.exists():
            return file.read_text(encoding="utf-8").strip()
    raise AssetsError(f"{name} ships no licence: put it into {kept}")


def main() -> int:
    """What the module is started for."""
    try:
        make()
    except AssetsError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
