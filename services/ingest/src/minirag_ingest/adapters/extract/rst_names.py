"""The directives and roles that docutils does not know, such as Sphinx's: what a reader would see of them is kept."""

import re
from typing import Any

from docutils import nodes, utils
from docutils.parsers.rst import Directive, directives, roles
from docutils.parsers.rst.languages import en

CODE = frozenset(("sourcecode", "productionlist", "doctest", "testcode", "prompt", "ipython", "graphviz"))
SENTENCES = frozenset(
    (
        "versionadded",
        "versionchanged",
        "versionremoved",
        "deprecated",
        "deprecated-removed",
        "seealso",
        "todo",
    )
)
"""Their text may begin on the directive's own line; of the others that line is a signature, whose stars mean themselves."""
SILENT = frozenset(
    ("toctree", "index", "module", "currentmodule", "tabularcolumns", "highlight", "rst-class")
)
"""They show nothing, or the titles of other documents."""
_DIRECTIVE = re.compile(r"^[ \t]*\.\. (?:\|[^|\n]{1,100}\|[ \t]+)?([\w:+.-]{1,60})::", re.MULTILINE)
_ROLE = re.compile(r":([\w:+.-]{1,60}):`|`:([\w:+.-]{1,60}):")
_SIGNATURE = re.compile(r"[(.A-Z]")


class _AnyOption(dict[str, Any]):
    """An ``option_spec`` that knows every option."""

    def __getitem__(self, key: str) -> Any:
        return lambda argument: argument

    def __bool__(self) -> bool:
        return True


class _Unknown(Directive):  # type: ignore[misc]  # docutils carries no types
    """Its arguments and content, read as text."""

    has_content = True
    optional_arguments = 100
    final_argument_whitespace = True
    option_spec = _AnyOption()

    def run(self) -> list[nodes.Node]:
        """What a reader would see."""
        name = self.name.rsplit(":", 1)[-1].lower()
        if name in SILENT:
            return []
        if name in CODE:
            text = "\n".join(self.content)
            return [nodes.literal_block(text, text)]
        box = nodes.container()
        argument = " ".join(self.arguments)
        if name in SENTENCES and argument:
            told, messages = self.state.inline_text(argument, self.lineno)
            box += nodes.paragraph(argument, "", *told, *messages)
        elif argument and (name != "class" or _SIGNATURE.search(argument)):  # the other kind is a style
            box += nodes.paragraph(argument, utils.unescape(argument))
        self.state.nested_parse(self.content, self.content_offset, box)
        return [box]


def _role(
    _name: str, rawtext: str, text: str, _line: int, _inliner: Any, **_more: Any
) -> tuple[list[nodes.Node], list[nodes.Node]]:
    """The title of a reference, else its target."""
    title = text.split("<", 1)[0].strip() if text.endswith(">") and "<" in text else text.lstrip("!~")
    return [nodes.inline(rawtext, utils.unescape(title or text))], []


def know_all(text: str) -> None:
    """Registers what is used in the text and unknown otherwise."""
    for name in set(_DIRECTIVE.findall(text)):
        if name.lower() not in en.directives or name == "class":
            directives.register_directive(name.lower(), _Unknown)
    for before, after in set(_ROLE.findall(text)):
        name = (before or after).lower()
        if name not in en.roles:
            roles.register_local_role(name, _role)
