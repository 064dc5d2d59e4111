"""Sections and how small ones join: what stands under one heading stays together, crumbs do not become chunks."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from minirag_ingest.domain.sizes import Sizes
from minirag_ingest.domain.units import CountTokens, Unit, cost_of


@dataclass(frozen=True, slots=True)
class Section:
    """Units under one heading path."""

    path: tuple[str, ...]
    units: Sequence[Unit] = field(repr=False)
    cost: int

    @classmethod
    def of(cls, path: tuple[str, ...], units: Sequence[Unit]) -> "Section":
        """One section as the document has it."""
        return cls(path, units, sum(unit.cost for unit in units))


def grouped(
    sections: Iterable[Section], room: Callable[[tuple[str, ...]], int], count: CountTokens, sizes: Sizes
) -> Iterator[Section]:
    """Sections in their order, small ones joined under the headings that they share."""
    listed = list(sections)
    shared = _shared_by_all(listed)
    current: Section | None = None
    for section in listed:
        joined = _join(current, section, shared, room, count, sizes) if current else None
        if joined is None:
            if current:
                yield current
            current = section
        else:
            current = joined
    if current:
        yield current


def _join(
    left: Section,
    right: Section,
    shared: int,
    room: Callable[[tuple[str, ...]], int],
    count: CountTokens,
    sizes: Sizes,
) -> Section | None:
    """Both as one section if that makes sense and fits into one chunk."""
    related = left.path[: shared + 1] == right.path[: shared + 1]
    limit = sizes.small if related else sizes.tiny
    if min(left.cost, right.cost) >= limit:
        return None
    path = _common(left.path, right.path)
    units = [*_titled(left, path, count), *_titled(right, path, count)]
    cost = sum(unit.cost for unit in units)
    if cost > room(path):
        return None
    return Section(path, units, cost)


def _titled(section: Section, path: tuple[str, ...], count: CountTokens) -> Sequence[Unit]:
    """The section's units with the headings that its new, shorter path no longer tells."""
    rest = " \u203a ".join(section.path[len(path) :])
    if not rest:
        return section.units
    first = section.units[0]
    heading = Unit(rest, "\n\n", cost_of(rest, count([rest])[0]), True, first.block)
    return [heading, replace(first, gap="\n"), *section.units[1:]]


def _common(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[str, ...]:
    length = 0
    for mine, other in zip(left, right, strict=False):
        if mine != other:
            break
        length += 1
    return left[:length]


def _shared_by_all(sections: Sequence[Section]) -> int:
    """How many headings all sections have in common, such as the page's own title."""
    if not sections:
        return 0
    path = sections[0].path
    for section in sections[1:]:
        path = _common(path, section.path)
    return len(path)
