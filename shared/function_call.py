"""FunctionGemma's text for functions and calls: declarations and calls are written, calls are read.

A call is `<start_function_call>call:NAME{key:<escape>text<escape>,n:3}<end_function_call>`. Writing follows the model's
own chat template byte for byte. Reading never raises, and never returns a call that was not written out in full.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

START_CALL = "<start_function_call>"
END_CALL = "<end_function_call>"
START_DECLARATION = "<start_function_declaration>"
END_DECLARATION = "<end_function_declaration>"
START_RESPONSE = "<start_function_response>"
ESCAPE = "<escape>"

STOP_TOKENS = ("<eos>", START_RESPONSE, "<end_of_turn>")
"""The tokens that end the model's turn, in the order of the generation settings that the model comes with."""

CONTROL_TOKENS = (
    *("<pad>", "<eos>", "<bos>", "<unk>", "<mask>"),
    *("<start_of_turn>", "<end_of_turn>"),
    *(START_DECLARATION, END_DECLARATION, START_CALL, END_CALL, START_RESPONSE, "<end_function_response>", ESCAPE),
    *("<start_of_image>", "<end_of_image>", "<image_soft_token>"),
)
"""Texts that the tokenizer turns into structure wherever they stand; outside text must not hold them."""

RESERVED_PARAMETERS = frozenset({"type", "description", "properties", "required", "nullable"})
"""Parameter names that the model's template leaves out of a declaration without a word."""

MAX_DEPTH = 32
"""How deep objects and lists may nest within a call's arguments or a schema, written or read."""

MAX_DIGITS = 100
"""How many characters a number may have, written or read."""

_CONTROL = re.compile("|".join(map(re.escape, CONTROL_TOKENS)))
_OUTSIDE_CALLS = re.compile("|".join(map(re.escape, (START_CALL, END_CALL, ESCAPE, *STOP_TOKENS))))
_SPACE = re.compile(r"[ \t\r\n]*")
_NAME = re.compile(r"[\w.-]+")
_KEY = re.compile(r"[^\s{}\[\],:<>]+")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?(?![\w.])")
_WORD = re.compile(r"(?:true|false|null|None)(?!\w)")
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None, "None": None}


@dataclass(frozen=True)
class Call:
    """One call of a function: its name and its arguments (JSON values: text, numbers, booleans, None, lists, dicts).

    Python holds 1, 1.0 and True equal: compare what `write_call` returns where the type matters.
    """

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Reading:
    """What a model's text holds: its calls in order, or why they cannot be trusted.

    `fault` is one line that says what was wrong and at which character (counted from 0). With a fault `calls` is empty,
    also where complete calls stood before it: a remedy is run whole or not at all. Neither calls nor fault means that
    the model chose to call nothing.
    """

    calls: tuple[Call, ...]
    fault: str | None = None


def neutralise(text: str) -> str:
    """Return text in which no control token is left, by a space behind its bracket (`< escape>`); the rest unchanged.

    No token holds a space or a second bracket, so one pass cannot build a new token and a second pass changes nothing.
    Apply it last: a later change of the text could put a token together again.
    """
    return _CONTROL.sub(lambda token: "< " + token[0][1:], text)


def refuse_control_tokens(text: str) -> str:
    """Return text as it is; ValueError names the control token that it holds."""
    if token := _CONTROL.search(text):
        raise ValueError(f"the text {text[:80]!r} holds the control token {token[0]}: neutralise it first")
    return text


def write_call(call: Call) -> str:
    """Return a call as the model writes it; ValueError for what the format cannot hold.

    Keys are sorted ignoring case, text is raw and untrimmed between `<escape>`, numbers are as Python prints them.
    """
    _refuse_depth(call.arguments)
    return f"{START_CALL}call:{_function_name(call.name)}{_write_value(call.arguments, _bare_key)}{END_CALL}"


def write_calls(calls: Iterable[Call]) -> str:
    """Return parallel calls, one behind the other without a separator; errors as in `write_call`."""
    return "".join(map(write_call, calls))


def read_calls(text: str) -> Reading:
    """Return the calls in a model's text; never raises, and takes time linear in the text's length.

    Text around calls is ignored, so are spaces within them, and reading ends at the first stop token outside a string.
    Strings are opaque: whatever stands between `<escape>` is a value. A truncated, nameless, malformed, too deep or
    ambiguous call is a fault, and so are a string and an end of a call outside any call.
    """
    try:
        return Reading(_Reader(text).read_calls())
    except _FaultError as fault:
        return Reading((), str(fault))


def write_declaration(function: Mapping[str, Any]) -> str:
    """Return the declaration of one function, given as JSON schema with or without the `function` wrapper.

    Properties are sorted ignoring case, `required` keeps its order; default, format, limits and nullable are not
    declared. ValueError for what the model's template would lose or damage without a word: a reserved parameter name,
    parameters without a type, a control token in a text.
    """
    function = function.get("function", function)
    _refuse_depth(function)
    name = _function_name(function.get("name"))
    description = _write_text(str(function.get("description", "")))
    body = f"{{description:{description}{_write_parameters(name, function.get('parameters'))}}}"
    return f"{START_DECLARATION}declaration:{name}{body}{END_DECLARATION}"


def _write_parameters(name: str, parameters: Any) -> str:
    if not parameters:
        return ""
    if not isinstance(parameters, Mapping) or not parameters.get("type"):
        raise ValueError(f"the parameters of {name} need a type: write `type: object`")
    properties, required = parameters.get("properties"), parameters.get("required")
    parts = [f"properties:{{{_write_declared(properties)}}}"] if properties else []
    parts += [f"required:{_write_required(required)}"] if required else []
    return f",parameters:{{{','.join([*parts, f'type:{_write_type(parameters)}'])}}}"


def _write_declared(properties: Any) -> str:
    if not isinstance(properties, Mapping):
        raise ValueError(f"properties are a mapping of names to schemas, not {properties!r:.80}")
    if reserved := sorted(RESERVED_PARAMETERS.intersection(properties)):
        raise ValueError(f"the model cannot see a parameter named {reserved[0]!r}: give it another name in the model")
    return _write_properties(properties)


def _write_properties(properties: Mapping[str, Any]) -> str:
    shown = (item for item in _by_key(properties) if item[0] not in RESERVED_PARAMETERS)
    return ",".join(f"{_bare_key(key)}:{_write_property(schema)}" for key, schema in shown)


def _write_property(schema: Any) -> str:
    fields = schema if isinstance(schema, Mapping) else {}
    description = _write_text(str(fields.get("description", "")))
    return f"{{description:{description}{_write_details(fields)},type:{_write_type(fields)}}}"


def _write_details(schema: Mapping[str, Any]) -> str:
    kind = str(schema.get("type", "")).upper()
    if kind == "STRING" and schema.get("enum"):
        return f",enum:{_write_value(schema['enum'], _write_text)}"
    if kind == "OBJECT":
        return _write_object_details(schema)
    if kind == "ARRAY" and isinstance(schema.get("items"), Mapping) and schema["items"]:
        items = ((key, value) for key, value in _by_key(schema["items"]) if value is not None)
        return f",items:{{{','.join(f'{_bare_key(key)}:{_write_item(key, value)}' for key, value in items)}}}"
    return ""


def _write_object_details(schema: Mapping[str, Any]) -> str:
    # Without properties the model's template takes the schema's own other keys for them.
    own = schema.get("properties")
    properties = _write_declared(own) if isinstance(own, Mapping) else _write_properties(schema)
    required = f",required:{_write_required(schema['required'])}" if schema.get("required") else ""
    return f",properties:{{{properties}}}{required}"


def _write_item(key: str, value: Any) -> str:
    if key == "properties":
        return f"{{{_write_declared(value)}}}"
    if key == "required":
        return _write_required(value)
    if key == "type":
        value = value.upper() if isinstance(value, str) else [str(kind).upper() for kind in value]
    return _write_value(value, _write_text)


def _write_type(schema: Mapping[str, Any]) -> str:
    return _write_text(str(schema.get("type", "")).upper())


def _write_required(names: Any) -> str:
    if not isinstance(names, list | tuple):
        raise ValueError(f"required is a list of names, not {names!r:.80}")
    return f"[{','.join(_write_text(str(name)) for name in names)}]"


def _write_value(value: Any, write_key: Callable[[str], str]) -> str:
    if isinstance(value, str):
        return _write_text(value)
    if value is None or isinstance(value, bool):
        return {None: "None", True: "true", False: "false"}[value]
    if isinstance(value, int | float):
        return _write_number(value)
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{write_key(key)}:{_write_value(item, write_key)}' for key, item in _by_key(value))}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(_write_value(item, write_key) for item in value)}]"
    raise ValueError(f"a call cannot hold a {type(value).__name__}")


def _write_text(text: str) -> str:
    return f"{ESCAPE}{refuse_control_tokens(text)}{ESCAPE}"


def _write_number(number: int | float) -> str:
    if not math.isfinite(number) if isinstance(number, float) else abs(number) >= 10 ** (MAX_DIGITS - 1):
        raise ValueError("a call cannot hold NaN, an infinity or an integer beyond its digits")
    return float.__repr__(number) if isinstance(number, float) else int.__repr__(number)


def _by_key(mapping: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return sorted(mapping.items(), key=lambda item: _bare_key(item[0]).lower())


def _function_name(name: Any) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ValueError(f"{name!r:.80} is no function name: letters, digits, dashes, dots and underscores only")
    return name


def _bare_key(key: Any) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        raise ValueError(f"{key!r:.80} is no key: text without spaces, commas, colons, brackets and braces")
    return key


def _refuse_depth(value: Any, left: int = MAX_DEPTH) -> None:
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else None
    if children is not None and left == 0:
        raise ValueError(f"objects and lists nest deeper than {MAX_DEPTH}")
    for child in children or ():
        _refuse_depth(child, left - 1)


class _FaultError(Exception):
    pass


class _Reader:
    """A cursor over a model's text. Every method begins at `position`, and moves it behind what it read."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0

    def read_calls(self) -> tuple[Call, ...]:
        calls: list[Call] = []
        while (token := _OUTSIDE_CALLS.search(self.text, self.position)) and token[0] not in STOP_TOKENS:
            self.position = token.start()
            if token[0] != START_CALL:
                raise self.fault(f"{token[0]} outside a call")
            calls.append(self.read_call())
        return tuple(calls)

    def read_call(self) -> Call:
        self.expect(START_CALL)
        self.expect("call:")
        name = self.match(_NAME, "function name")
        arguments = self.read_object(MAX_DEPTH)
        self.expect(END_CALL)
        return Call(name, arguments)

    def read_object(self, depth: int) -> dict[str, Any]:
        self.open("{", depth)
        members: dict[str, Any] = {}
        while not self.accept("}"):
            self.separate("}", first=not members)
            key = self.match(_KEY, "key")
            if key in members:
                raise self.fault(f"the key {key!a:.80} a second time")
            self.expect(":")
            members[key] = self.read_value(depth - 1)
        return members

    def read_list(self, depth: int) -> list[Any]:
        self.open("[", depth)
        items: list[Any] = []
        while not self.accept("]"):
            self.separate("]", first=not items)
            items.append(self.read_value(depth - 1))
        return items

    def read_value(self, depth: int) -> Any:
        self.skip_space()
        if self.accept(ESCAPE):
            return self.read_text()
        if self.text.startswith("{", self.position):
            return self.read_object(depth)
        if self.text.startswith("[", self.position):
            return self.read_list(depth)
        if word := _WORD.match(self.text, self.position):
            self.position = word.end()
            return _WORDS[word[0]]
        return self.read_number()

    def read_text(self) -> str:
        end = self.text.find(ESCAPE, self.position)
        if end < 0:
            raise self.fault("a string without an end")
        value = self.text[self.position : end]
        self.position = end + len(ESCAPE)
        return value

    def read_number(self) -> int | float:
        number = _NUMBER.match(self.text, self.position)
        if not number:
            raise self.fault("no value")
        if len(number[0]) > MAX_DIGITS:
            raise self.fault(f"a number of more than {MAX_DIGITS} characters")
        value = float(number[0]) if number[1] or number[2] else int(number[0])
        if value in (math.inf, -math.inf):
            raise self.fault("a number too large")
        self.position = number.end()
        return value

    def open(self, bracket: str, depth: int) -> None:
        if depth == 0:
            raise self.fault(f"objects and lists deeper than {MAX_DEPTH}")
        self.expect(bracket)

    def separate(self, closing: str, first: bool) -> None:
        if not first and not self.accept(","):
            raise self.fault(f"neither ',' nor '{closing}'")

    def expect(self, literal: str) -> None:
        if not self.accept(literal):
            raise self.fault(f"no {literal!r}")

    def accept(self, literal: str) -> bool:
        self.skip_space()
        found = self.text.startswith(literal, self.position)
        self.position += len(literal) if found else 0
        return found

    def match(self, pattern: re.Pattern[str], wanted: str) -> str:
        self.skip_space()
        found = pattern.match(self.text, self.position)
        if not found:
            raise self.fault(f"no {wanted}")
        self.position = found.end()
        return found[0]

    def skip_space(self) -> None:
        # The pattern matches nothing at least.
        self.position = _SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]

    def fault(self, what: str) -> _FaultError:
        here = ascii(self.text[self.position : self.position + 20]) if self.position < len(self.text) else "the end"
        return _FaultError(f"{what} at character {self.position}: {here}")
