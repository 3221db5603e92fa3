"""One field of a YAML file gets another value, and not one other character of the file changes."""

import re

from ruamel.yaml import YAML
from ruamel.yaml.events import Event, ScalarEvent
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.tokens import ScalarToken

from shared.errors import StageError
from stages.publish.git.yaml_search import YamlFile, find_scalar

# What every reader of YAML, 1.1 or 1.2, takes for a text without quotes.
_PLAIN = re.compile(r"[A-Za-z][\w./-]*(:[\w./-]+)*", re.ASCII)
_TEXT = "tag:yaml.org,2002:str"
_WORDS_OF_OTHER_TYPES = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def with_field(text: str, path: str, value: str, name: str) -> str:
    """Returns the text of the file `name` with `value`, a line of text, at a path; the same text where it is there.

    The quotes stay as they are where the value allows it. Raises StageError, naming file, line and
    remedy, where the path does not lead to one scalar on its own, or to one that is not replaced.
    """
    file = YamlFile(text, name)
    scalar = find_scalar(file, path)
    _check_replaceable(file, scalar, path)
    if scalar.value == value and (scalar.style or _is_plain_text(value)):
        return text
    start, end = _place(text, scalar)
    changed = text[:start] + _written(value, scalar.style) + text[end:]
    _check_only_difference(file, YamlFile(changed, name), end, value)
    if str(find_scalar(YamlFile(changed, name), path).tag) != _TEXT:
        raise file.problem(scalar, f"{path} has a tag that makes no text of its value; take the tag away")
    return changed


def _check_replaceable(file: YamlFile, scalar: ScalarNode, path: str) -> None:
    if scalar.style in ("|", ">"):
        raise file.problem(scalar, f"{path} is a block of text ({scalar.style}); write its value on one line")
    if scalar.start_mark.index == scalar.end_mark.index:
        raise file.problem(scalar, f'{path} holds nothing; write any value there, such as ""')


def _place(text: str, scalar: ScalarNode) -> tuple[int, int]:
    """Returns where the scalar's characters begin and end, without the anchor and the tag before them."""
    tokens = YAML(typ="base", pure=True).scan(text)
    token = next(t for t in tokens if isinstance(t, ScalarToken) and t.end_mark.index == scalar.end_mark.index)
    return token.start_mark.index, token.end_mark.index


def _written(value: str, style: str | None) -> str:
    if style == "'":
        return "'" + value.replace("'", "''") + "'"
    if style == '"' or not _is_plain_text(value):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return value


def _is_plain_text(value: str) -> bool:
    return bool(_PLAIN.fullmatch(value)) and value.lower() not in _WORDS_OF_OTHER_TYPES


def _check_only_difference(before: YamlFile, after: YamlFile, end: int, value: str) -> None:
    """Raises StageError where the change did anything else than give the scalar that ended at `end` a value."""
    expected = [(*_kind(event), value if _ends(event, end) else _value(event)) for event in before.events()]
    if [(*_kind(event), _value(event)) for event in after.events()] != expected:
        raise StageError(f"{before.name} cannot be changed without changing its meaning; write the field on one line")


def _ends(event: Event, end: int) -> bool:
    return isinstance(event, ScalarEvent) and event.start_mark.index < end == event.end_mark.index


def _kind(event: Event) -> tuple[object, ...]:
    return type(event), getattr(event, "anchor", None), str(getattr(event, "tag", None))


def _value(event: Event) -> object:
    return getattr(event, "value", None)
