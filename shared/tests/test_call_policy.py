"""calls.json is read strictly: what cannot be checked is refused, and equal rules are equal bytes."""

import json
from typing import Any

import pytest

from shared.asking.call_policy import CallPolicy, CallRules, Label
from shared.asking.schema import fault, open_texts, read_schema

PARAMETERS = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
RULES = CallRules(
    PARAMETERS,
    True,
    frozenset({"B", "A"}),
    {"name": frozenset({"y", "x"})},
    {"name": frozenset({("a/", Label("pod")), (Label("app"), "-", Label("pod"))})},
)
POLICY = CallPolicy({"restart": RULES})


def test_the_policy_survives_json_byte_for_byte() -> None:
    again = CallPolicy.from_json(POLICY.to_json())
    assert again == POLICY
    assert again.to_json() == POLICY.to_json()


def test_the_file_is_readable_by_any_program() -> None:
    assert json.loads(POLICY.to_json())["functions"]["restart"] == {
        "parameters": PARAMETERS,
        "dangerous": True,
        "alerts": ["A", "B"],
        "constants": {"name": ["x", "y"]},
        "patterns": {"name": [["a/", {"label": "pod"}], [{"label": "app"}, "-", {"label": "pod"}]]},
    }


def changed(**rules: Any) -> str:
    return json.dumps({"format": "agent-calls/1", "functions": {"restart": {**RULES.to_object(), **rules}}})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[", "calls.json is no JSON"),
        ("[]", "calls.json is list, not an object"),
        ("{}", "calls.json lacks format, functions"),
        (
            '{"format": "agent-calls/2", "functions": {}}',
            "calls.json: format is 'agent-calls/2', known is 'agent-calls/1'",
        ),
        ('{"format": "agent-calls/1", "functions": {}, "functions": {}}', "calls.json holds 'functions' twice"),
        (changed(dangerous="no"), "calls.json: restart.dangerous is 'no', neither true nor false"),
        (changed(alerts="A"), "calls.json: restart.alerts is str, not a list"),
        (changed(alerts=[1]), "calls.json: restart.alerts is int, not a text"),
        (changed(extra=1), "calls.json: restart holds the unknown extra"),
        (changed(constants={"nmae": ["x"]}), "calls.json: restart.constants names 'nmae', which is no parameter"),
        (changed(patterns={"name": [[{"lable": "x"}]]}), "calls.json: restart.patterns.name lacks label"),
        (changed(parameters={"type": "string"}), "calls.json: restart.parameters.type is 'string', not 'object'"),
        (changed(parameters={"type": "object", "$ref": "x"}), "calls.json: restart.parameters holds the unknown $ref"),
    ],
)
def test_a_damaged_file_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError) as refusal:
        CallPolicy.from_json(text)
    assert str(refusal.value).startswith(reason)


def test_a_schema_that_nests_without_end_is_refused() -> None:
    text = changed(parameters={"type": "object", "properties": {"name": {"type": "array", "items": {}}}})
    deep = text.replace('"items": {}', '"items": ' + '{"type": "array", "items": ' * 3000 + "{}" + "}" * 3000)
    with pytest.raises(ValueError, match=r"nests too deep|is no JSON"):
        CallPolicy.from_json(deep)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "text"},
        {"type": ["string"]},
        {},
        {"type": "integer", "minimum": "0"},
        {"type": "integer", "minimum": float("nan")},
        {"type": "string", "pattern": "("},
        {"type": "string", "enum": "a"},
        {"type": "string", "nullable": 1},
        {"type": "array", "items": {"type": "string", "format": "date"}},
        {"type": "object", "required": ["a"]},
        {"type": "object", "additionalProperties": {"type": "x"}},
    ],
)
def test_a_schema_that_could_not_be_checked_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"^here"):
        read_schema("here", schema)


@pytest.mark.parametrize(
    ("schema", "value", "wrong"),
    [
        ({"type": "number"}, 1, ""),
        ({"type": "number"}, 1 << 63, "is 9223372036854775808, no number that a call can hold"),
        ({"type": "number"}, float("nan"), "is NaN, no number that a call can hold"),
        ({"type": "number", "exclusiveMinimum": 0}, 0.0, "is 0.0, which must be more than 0"),
        ({"type": "integer", "multipleOf": 5}, 12, "is 12, no multiple of 5"),
        ({"type": "boolean"}, 1, "is 1, no boolean"),
        ({"type": "string", "pattern": "^a"}, "ba", "is \"ba\", not like '^a'"),
        ({"type": "string", "maxLength": 1}, "ab", "has 2 characters, more than 1"),
        ({"type": "string", "nullable": True}, None, ""),
        ({"type": "array"}, [1 << 70], "[0] is 1180591620717411303424, no number that a call can hold"),
        ({"type": "array", "uniqueItems": True}, [1, 1], "has an item twice"),
        ({"type": "array", "enum": [[1]]}, [True], "is [true], none of [1]"),
        ({"type": "object"}, {"a": {"b": [1]}}, ""),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {"b": 1}, 'holds "b", which is not declared'),
        ({"type": "object", "additionalProperties": False}, {"b": 1}, 'holds "b", which is not declared'),
        ({"type": "object", "additionalProperties": {"type": "string"}}, {"b": 1}, "b is 1, no string"),
    ],
)
def test_a_value_is_held_against_its_schema(schema: dict[str, Any], value: Any, wrong: str) -> None:
    assert fault(schema, value) == wrong


def test_the_texts_of_a_value_are_all_that_no_choice_lists() -> None:
    schema = {
        "type": "object",
        "properties": {"kind": {"type": "string", "enum": ["pod"]}, "tags": {"type": "object"}},
    }
    assert list(open_texts(schema, {"kind": "pod", "tags": {"team": ["a", {"b": "c"}]}})) == ["team", "a", "b", "c"]
