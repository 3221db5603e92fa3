"""A function as it is drafted, from one place or several that tell of the same one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tomllib import loads
from typing import Any, Literal

WORDS: dict[str, Any] = loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
Source = Literal["manifest", "tool list", "OpenAPI", "Python source", "alerting rule", "runbook"]
SOURCES: tuple[Source, ...] = ("manifest", "tool list", "OpenAPI", "Python source", "alerting rule", "runbook")
NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_END = re.compile(r"(?<=[a-z0-9)\]'\"`][.!])\s|\n\s*\n")
MOST_WORDS = 160  # characters of a description: the model reads it with every alert


@dataclass(frozen=True)
class Parameter:
    """What a function takes. required: None where its place does not say. note: what a person should look at.

    default: as a text, '' where none is told; the function knows it, so that it is no part of the draft but a remark.
    """

    name: str
    type: str = ""
    description: str = ""
    enum: tuple[str, ...] = ()
    required: bool | None = None
    default: str = ""
    note: str = ""


@dataclass(frozen=True)
class Form:
    """A command form with `{parameter}`s, what it implies for others, and where it stands."""

    command: str
    arguments: tuple[tuple[str, str], ...] = ()
    place: str = ""


@dataclass(frozen=True)
class Drafted:
    """A function; places: where it is told of. notes: what a person should look at."""

    name: str
    source: Source
    description: str = ""
    parameters: tuple[Parameter, ...] = ()
    forms: tuple[Form, ...] = ()
    places: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    sources: tuple[Source, ...] = field(default=())

    @property
    def all_sources(self) -> tuple[Source, ...]:
        """Every kind of place that tells of it, in the order of SOURCES."""
        return tuple(source for source in SOURCES if source in (self.source, *self.sources))

    def parameter(self, name: str) -> Parameter | None:
        """Returns the parameter of a name, None where there is none."""
        return next((known for known in self.parameters if known.name == name), None)


def normal(name: str) -> str:
    """Returns a name without regard to case, dashes, dots and underscores."""
    return re.sub(r"[\W_]+", "_", name).strip("_").lower()


def in_short(text: str) -> str:
    """Returns the first sentence of a text on one line, cut where it is long."""
    sentence = " ".join(_END.split(text.strip(), maxsplit=1)[0].split())
    return sentence if len(sentence) <= MOST_WORDS else f"{sentence[: MOST_WORDS - 1].rsplit(' ', 1)[0]}…"


def merged(drafts: Iterable[Drafted]) -> list[Drafted]:
    """Returns one draft for each name, in the order of SOURCES and of the names: what comes first wins."""
    found: dict[str, Drafted] = {}
    for draft in sorted(drafts, key=lambda each: (SOURCES.index(each.source), each.name, each.places)):
        key = next((name for name in found if normal(name) == normal(draft.name)), draft.name)
        found[key] = _with(found[key], draft) if key in found else draft
    return [found[name] for name in sorted(found)]


def _with(known: Drafted, more: Drafted) -> Drafted:
    return replace(
        known,
        description=known.description or more.description,
        parameters=tuple(_both(known, more)),
        forms=tuple(dict.fromkeys((*known.forms, *(form for form in more.forms if _is_new(form, known.forms))))),
        places=tuple(dict.fromkeys((*known.places, *more.places))),
        notes=tuple(dict.fromkeys((*known.notes, *more.notes))),
        sources=(*known.all_sources, *more.all_sources),
    )


def _is_new(form: Form, known: Sequence[Form]) -> bool:
    return all((form.command, form.arguments) != (each.command, each.arguments) for each in known)


def _both(known: Drafted, more: Drafted) -> Iterator[Parameter]:
    """Yields the parameters of both; one that a better place does not declare is noted."""
    for parameter in known.parameters:
        other = more.parameter(parameter.name)
        yield _told_twice(parameter, other) if other else parameter
    for parameter in more.parameters:
        if known.parameter(parameter.name) is None:
            yield _told_later(parameter, known, more) if known.parameters else parameter


def _told_later(parameter: Parameter, known: Drafted, more: Drafted) -> Parameter:
    if more.source != "alerting rule" or known.source == "alerting rule":
        return replace(parameter, required=False)
    note = f"{', '.join(more.places)} gives it, but the function does not know it; mend the rules, then this line"
    return replace(parameter, required=False, note=note)


def _told_twice(one: Parameter, other: Parameter) -> Parameter:
    return replace(
        one,
        type=one.type or other.type,
        description=one.description or other.description,
        enum=one.enum or other.enum,
        required=other.required if one.required is None else one.required,
        default=one.default or other.default,
        note=one.note or other.note,
    )
