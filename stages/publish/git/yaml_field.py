"""One field of a YAML file gets another value, and not one other character of the file changes.

The field may lie in a text that is YAML itself: then it is changed there, and the text in the file around it.
"""

import re
from collections.abc import Sequence

from ruamel.yaml.events import Event, ScalarEvent
from ruamel.yaml.nodes import ScalarNode

from shared.agent_config.field_path import Inside, Step, parse
from shared.errors import StageError
from stages.publish.git.yaml_search import YamlFile, find_scalar
from stages.publish.git.yaml_text import Edit, TextInFile, place_of

# What every reader of YAML, 1.1 or 1.2, takes for a text without quotes.
_PLAIN = re.compile(r"[A-Za-z][\w./-]*(:[\w./-]+)*", re.ASCII)
_TEXT = "tag:yaml.org,2002:str"
_WORDS_OF_OTHER_TYPES = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def with_field(text: str, path: str, value: str, name: str) -> str:
    """Returns the text of the file `name` with `value`, a line of text, at a path; the same text where it is there.

    The quotes stay as they are where the value allows it. Raises StageError, naming file, line and
    remedy, where the path does not lead to one scalar on its own, or to one that is not replaced.
    """
    edit = _edit(YamlFile(text, name), parse(path), value)
    return edit.applied(text) if edit else text


def _edit(file: YamlFile, steps: Sequence[Step], value: str) -> Edit | None:
    """Returns what is to be changed in a file, or in a text within one; None where the value is there."""
    bar = next((number for number, step in enumerate(steps) if isinstance(step, Inside)), len(steps))
    scalar = find_scalar(file, steps[:bar])
    if bar == len(steps):
        return _edit_of_scalar(file, steps, scalar, value)
    text = TextInFile.of(file, scalar, file.shown(steps[:bar]))
    inner = _edit(text.text, steps[bar + 1 :], value)
    if inner is None:
        return None
    edit = text.in_file(inner)
    _check_only_difference(file, edit, scalar, inner.applied(text.text.text))
    return edit


def _edit_of_scalar(file: YamlFile, steps: Sequence[Step], scalar: ScalarNode, value: str) -> Edit | None:
    path = file.shown(steps)
    _check_replaceable(file, scalar, path)
    if scalar.value == value and (scalar.style or _is_plain_text(value)):
        return None
    edit = Edit(*place_of(file.text, scalar), _written(value, scalar.style))
    changed = _check_only_difference(file, edit, scalar, value)
    if str(find_scalar(changed, steps).tag) != _TEXT:
        raise file.problem(scalar, f"{path} has a tag that makes no text of its value; take the tag away")
    return edit


def _check_replaceable(file: YamlFile, scalar: ScalarNode, path: str) -> None:
    if scalar.style in ("|", ">"):
        remedy = f"write its value on one line, or name a field in it, such as {path} | spec.ai.model"
        raise file.problem(scalar, f"{path} is a block of text ({scalar.style}); {remedy}")
    if scalar.start_mark.index == scalar.end_mark.index:
        raise file.problem(scalar, f'{path} holds nothing; write any value there, such as ""')


def _written(value: str, style: str | None) -> str:
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    if style == '"' or not _is_plain_text(value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value


def _is_plain_text(value: str) -> bool:
    return bool(_PLAIN.fullmatch(value)) and value.lower() not in _WORDS_OF_OTHER_TYPES


def _check_only_difference(file: YamlFile, edit: Edit, scalar: ScalarNode, value: str) -> YamlFile:
    """Returns the changed file. Raises StageError where the edit does anything else than give the scalar a value."""
    changed = YamlFile(edit.applied(file.text), file.name, file.lines, file.place)
    expected = [(*_kind(event), value if _is_of(event, scalar) else _value(event)) for event in file.events()]
    try:
        is_alone = [(*_kind(event), _value(event)) for event in changed.events()] == expected
    except StageError:
        is_alone = False
    if not is_alone:
        raise file.problem(scalar, "this cannot be changed without changing other values; write the field on one line")
    return changed


def _is_of(event: Event, scalar: ScalarNode) -> bool:
    start, end = scalar.start_mark.index, scalar.end_mark.index
    return isinstance(event, ScalarEvent) and (event.start_mark.index, event.end_mark.index) == (start, end)


def _kind(event: Event) -> tuple[object, ...]:
    return type(event), getattr(event, "anchor", None), str(getattr(event, "tag", None))


def _value(event: Event) -> object:
    return getattr(event, "value", None)
