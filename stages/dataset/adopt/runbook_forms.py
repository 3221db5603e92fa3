"""Command forms that a runbook uses: its remedies with `{parameter}` for names and labels, and the alerts of each."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from stages.dataset.adopt.drafted import WORDS, Drafted, Form, Parameter
from stages.dataset.calls.placeholders import Placeholder, mark, placeholders
from stages.dataset.calls.words import RESOURCE_NAMES, Words, split
from stages.dataset.rows import labels
from stages.dataset.runbook.alert import Alert, Command, place_of

_FLAGS: dict[str, str] = WORDS["flags"]
_ALIASES: dict[str, str] = WORDS["aliases"]
_NAMED = re.compile(r"[\w.-]*[\d.-][\w.-]*")  # more a name than a word: it holds a dash, a dot or a digit
_PARAMETER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Taken:
    """A command in a place where a remedy is looked for."""

    alert: str
    command: Command


@dataclass(frozen=True)
class Used:
    """A form, the alerts that it stands for, by name, and one of its commands. numbers: parameters that are numbers."""

    form: Form
    alerts: tuple[str, ...]
    example: str
    numbers: tuple[str, ...] = ()

    @property
    def parameters(self) -> tuple[str, ...]:
        """The parameters in the form, in order."""
        return tuple(dict.fromkeys(_PARAMETER.findall(self.form.command)))


@dataclass(frozen=True)
class _Slots:
    """A command by words: its fixed ones as texts, and by place or flag what stands where a parameter may."""

    key: tuple[str, ...]
    names: tuple[tuple[str, str], ...]  # of each slot: the parameter and the value
    always: frozenset[str]
    remedy: Taken


def remedies(alerts: Sequence[Alert], is_change: bool = True) -> list[Taken]:
    """Returns the changes (or the look-ups) of mitigations that the runbook means, one for each alert and command."""
    found = (
        Taken(alert.name, command)
        for alert in alerts
        for command in alert.commands
        if command.section in ("mitigation", "other") and command.standing.kind == "meant"
        if command.mutating == is_change
    )
    return list({(remedy.alert, remedy.command.text): remedy for remedy in found}.values())


def forms(found: Sequence[Taken], path: str) -> list[Used]:
    """Returns the forms of commands, those of most alerts first; commands of several programs have none."""
    groups: dict[tuple[str, ...], list[_Slots]] = {}
    for remedy in found:
        if slots := _slots(remedy):
            groups.setdefault(slots.key, []).append(slots)
    used = [each for group in groups.values() for each in _generalised(group, path)]
    return sorted(used, key=lambda each: (-len(each.alerts), each.form.command))


def as_function(used: Used) -> Drafted:
    """Returns the function that a form would be, named after the command's fixed words."""
    words = [word for word in shlex.split(used.form.command) if re.fullmatch(r"[A-Za-z][\w.-]*", word)]
    parts = [part for word in words for part in word.split("/") if part][:4]
    name = "-".join(parts).strip("-.")[:64] or "command"
    kinds = {each: "integer" if each in used.numbers else "string" for each in used.parameters}
    parameters = tuple(Parameter(each, kind, _described(each), required=True) for each, kind in kinds.items())
    return Drafted(name, "runbook", "", parameters, (used.form,), (used.form.place,))


def _described(name: str) -> str:
    return "" if name in ("name", "namespace") else name.replace("_", " ").capitalize()


def renamed(used: Used, function: Drafted) -> Used | None:
    """Returns a form with a function's parameters in place of its own, where each of them has one; else None."""
    names = {parameter.name for parameter in function.parameters}
    wanted = {own: own if own in names else _like(own, names) for own in used.parameters}
    if None in wanted.values() or len(set(wanted.values())) < len(wanted):
        return None
    command = _PARAMETER.sub(lambda known: f"{{{wanted[known[1]]}}}", used.form.command)
    return replace(used, form=replace(used.form, command=command))


def with_last(used: Used, function: Drafted) -> Used | None:
    """Returns a form without parameters whose last word is the one thing that a function needs; else None."""
    needed = [parameter.name for parameter in function.parameters if parameter.required]
    words = used.form.command.split()
    if used.parameters or len(needed) != 1 or len(words) < 3 or not re.fullmatch(r"\w[\w.-]*", words[-1]):
        return None
    return replace(used, form=replace(used.form, command=" ".join([*words[:-1], f"{{{needed[0]}}}"])))


def place_in(runbook: str, command: Command) -> str:
    """Returns where a command stands; runbook: the path of the one page, where the command names none."""
    return place_of(command.page or runbook, command.line)


def shapes(command: str) -> set[object]:
    """Returns a form's words with every parameter alike: as a resource and its name, and as it is written."""
    readings = [split(command, is_resource=is_resource) for is_resource in (True, False)]
    return {
        (
            tuple(_PARAMETER.sub("{}", word) for word in words.positions),
            _PARAMETER.sub("{}", str(sorted(words.flags.items()))),
        )
        for words in readings
        if words
    }


def near(command: str, form: Form) -> Form | None:
    """Returns the form of a command that does the same to the same as another form, but for flags; else None.

    What the form names by a parameter, the command may name as it likes.
    """
    given, wanted = split(mark(command)), split(form.command)
    if given is None or wanted is None or len(given.positions) != len(wanted.positions):
        return None
    positions = [_same_word(own, word) for own, word in zip(wanted.positions, given.positions, strict=True)]
    flags = [_same_flag(flag, value, wanted.flags.get(flag)) for flag, value in given.flags.items()]
    words = [word for word in (*positions, *flags) if word is not None]
    return replace(form, command=" ".join(words)) if len(words) == len(positions) + len(flags) else None


def _same_word(own: str, word: str) -> str | None:
    """Returns what stands for a word beside a form's own, None where it is another."""
    if _PARAMETER.search(own):
        pieces = map(re.escape, _PARAMETER.split(own)[::2])
        return _text(own) if re.fullmatch("(?:.+)".join(pieces), word, re.DOTALL) else None
    return _text(word) if _ALIASES.get(own, own) == _ALIASES.get(word, word) else None


def _same_flag(flag: str, value: str, own: str | None) -> str | None:
    """Returns a flag of a command with the form's parameter; None for another value, or one that nobody can name."""
    if own is not None and _PARAMETER.search(own):
        return f"{flag} {own}"
    if any(placeholders(value)) or own not in (None, value):
        return None
    return f"{flag} {_text(value)}" if value else flag


def _like(name: str, names: set[str]) -> str | None:
    """Returns the one of a function's parameters that a form's name means: `pod` is `name`, `ns` is `namespace`."""
    known = [each for each in sorted(names) if each in (f"{name}_name", f"{name}name") or each.endswith(f"_{name}")]
    if known:
        return known[0]
    return "name" if "name" in names and name not in _FLAGS.values() else None


def _slots(remedy: Taken) -> _Slots | None:
    """Returns a command's fixed words and its slots, None where it is no simple command."""
    words = split(mark(remedy.command.text))
    if words is None or not words.positions or any(placeholders(words.positions[0])):
        return None
    key, names, always = [], [], set()
    for place, word in enumerate(words.positions):
        slot = _position(words, place)
        if slot:
            key.append(f"\0{place}")
            names.append((slot, word))
            if any(placeholders(word)) or _is_behind_resource(words, place) or _NAMED.fullmatch(word):
                always.add(slot)
        else:
            key.append(word)
    for flag, value in sorted(words.flags.items()):
        key.append(flag)
        if value:
            slot = _FLAGS.get(flag) or _name_of(value) or flag.strip("-").replace("-", "_")
            key.append("\0")
            names.append((slot, value))
            if flag in _FLAGS or any(placeholders(value)):
                always.add(slot)
    if len({name for name, _ in names}) < len(names):
        return None  # two slots of one name: which is which is a person's to say
    return _Slots(tuple(key), tuple(names), frozenset(always), remedy)


def _position(words: Words, place: int) -> str:
    """Returns the name of what stands at a place, '' where it is a fixed word of the command."""
    word = words.positions[place]
    if _is_behind_resource(words, place):
        return "name"
    if name := _name_of(word):
        return name
    is_last = place == len(words.positions) - 1
    return "name" if is_last and place > 1 and re.fullmatch(r"\w[\w.-]*", word) else ""


def _is_behind_resource(words: Words, place: int) -> bool:
    return place > 1 and words.positions[place - 1] in RESOURCE_NAMES and words.positions[0] in ("kubectl", "oc", "k")


def _name_of(word: str) -> str:
    """Returns the label's name of a word that is a placeholder, or holds one."""
    for placeholder in placeholders(word):
        label = labels.resolve(Placeholder(placeholder.name, placeholder.is_label), {}) or placeholder.name
        return re.sub(r"\W+", "_", label).strip("_").lower() or "name"
    return ""


def _generalised(group: Sequence[_Slots], path: str) -> Iterator[Used]:
    """Yields the forms of commands with the same fixed words: a slot that is always the same text is one of them."""
    differing = {
        index
        for index in range(len(group[0].names))
        if len({slots.names[index][1] for slots in group}) > 1
        or any(slots.names[index][0] in slots.always for slots in group)
    }
    by_form: dict[str, list[_Slots]] = {}
    for slots in group:
        by_form.setdefault(_written(group[0], slots, differing), []).append(slots)
    for command, members in by_form.items():
        alerts = tuple(dict.fromkeys(slots.remedy.alert for slots in members))
        values = {index: [slots.names[index][1] for slots in members] for index in differing}
        numbers = [group[0].names[index][0] for index, texts in values.items() if all(map(_is_number, texts))]
        first = min((slots.remedy.command for slots in members), key=lambda one: (one.page, one.line))
        yield Used(Form(command, (), place_in(path, first)), alerts, members[0].remedy.command.text, tuple(numbers))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"\d{1,9}", text) is not None


def _written(first: _Slots, slots: _Slots, differing: set[int]) -> str:
    """Returns a command with parameters in the slots where the group differs, named as the first of the group does."""
    values = iter(
        f"{{{first.names[index][0]}}}" if index in differing else _text(value)
        for index, (_, value) in enumerate(slots.names)
    )
    words: list[str] = []
    for part in slots.key:
        words.append(next(values) if part.startswith("\0") else part if part.startswith("-") else _text(part))
    return " ".join(words)


def _text(word: str) -> str:
    return word if re.fullmatch(r"[\w./:=@,+%{}-]+", word) else shlex.quote(word)
