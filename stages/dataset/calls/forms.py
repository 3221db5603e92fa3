"""Command forms that stand for two calls: which of them a command would be, no reader of tools.yaml could tell."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

from stages.dataset.calls.schema import Property
from stages.dataset.calls.words import Words, split

PARAMETER = re.compile(r"\{((?:\w[\w.-]*)?)\}")
_TEXTS = {
    "string": re.compile(r".+", re.DOTALL),
    "integer": re.compile(r"-?\d{1,18}"),
    "number": re.compile(r"-?\d{1,18}(\.\d{1,18})?"),
    "boolean": re.compile(r"true|false"),
}


@dataclass(frozen=True)
class Form:
    """A command form of a function; place: where tools.yaml has it, as keys."""

    function: str
    command: str
    constants: Mapping[str, object]
    properties: Mapping[str, Property]
    place: tuple[int | str, ...]


def clash(forms: Iterable[Form]) -> tuple[Form, Form] | None:
    """Returns the first two forms that have the same words, whatever their spelling, and could have the same values."""
    known: dict[object, list[Form]] = {}
    for form in forms:
        for shape in _shapes(form.command):
            for other in known.setdefault(shape, []):
                if other is not form and _may_be_one(other, form):
                    return other, form
            known[shape].append(form)
    return None


def says_the_same(one: Form, other: Form) -> bool:
    """Returns whether two forms with the same words make the same call of every command."""
    is_one = one.function == other.function and one.constants == other.constants
    return is_one and any(ours == theirs for ours, theirs in product(_slots(one.command), _slots(other.command)))


def _readings(command: str) -> Iterator[Words]:
    """Yields a form's words: `{a}/{b}` is a resource and its name, or one word."""
    found = (split(command, is_resource=is_resource) for is_resource in (True, False))
    yield from {str(words): words for words in found if words}.values()


def _shapes(command: str) -> set[object]:
    return {_shape(words) for words in _readings(command)}


def _shape(words: Words) -> object:
    return (
        tuple(PARAMETER.sub("{}", word) for word in words.positions),
        tuple(sorted((flag, PARAMETER.sub("{}", value)) for flag, value in words.flags.items())),
    )


def _slots(command: str) -> list[tuple[str, ...]]:
    """Returns the parameters of each reading in the order of its words."""
    return [_parameters(words) for words in _readings(command)]


def _parameters(words: Words) -> tuple[str, ...]:
    in_order = [*words.positions, *(value for _, value in sorted(words.flags.items()))]
    return tuple(name for word in in_order for name in PARAMETER.findall(word))


def _may_be_one(one: Form, other: Form) -> bool:
    pairs = product(_readings(one.command), _readings(other.command))
    return any(
        all(
            _share_a_value(one.properties[ours], other.properties[theirs])
            for ours, theirs in zip(_parameters(mine), _parameters(its), strict=True)
        )
        for mine, its in pairs
        if _shape(mine) == _shape(its)
    )


def _share_a_value(one: Property, other: Property) -> bool:
    if one.enum is not None:
        return any(_accepts(other, str(choice)) for choice in one.enum)
    if other.enum is not None:
        return any(_accepts(one, str(choice)) for choice in other.enum)
    kinds = {one.type, other.type}
    return len(kinds) == 1 or "string" in kinds or kinds == {"integer", "number"}


def _accepts(declared: Property, text: str) -> bool:
    if declared.enum is not None:
        return text in map(str, declared.enum)
    return _TEXTS[declared.type].fullmatch(text) is not None
