"""Parameters are declared as tools elsewhere declare them, and a call is checked against all of it."""

from typing import Any

import pytest

from shared.errors import StageError
from shared.function_call import Call, read_calls, write_call
from stages.dataset.calls.placeholders import mark
from stages.dataset.calls.schema import Property, is_valid
from stages.dataset.calls.tools import Tools, read_tools
from stages.dataset.rows.examples import prompt_file

HEAD = "functions:\n- name: job-run\n  description: Run a job.\n  parameters:\n    properties:\n"
PLACE = "tools.yaml, line 6: functions.0.parameters.properties.a"


def tools_of(schema: str, below: str = "") -> Tools:
    return read_tools(f"{HEAD}      a: {schema}\n{below}", "tools.yaml")


def declared(schema: str) -> Property:
    return tools_of(schema).functions[0].parameters.properties["a"]


def refused(schema: str) -> str:
    with pytest.raises(StageError) as raised:
        tools_of(schema)
    return str(raised.value)


def in_prompt(schema: str) -> str:
    """Returns how the model is told of the parameter."""
    text = prompt_file(tools_of(schema)).prefix
    return text.partition("{a:")[2].partition("},type:<escape>OBJECT<escape>}}<end_function_declaration>")[0]


def in_file(schema: str) -> dict[str, Any]:
    """Returns the schema of the parameter as prompt.json carries it."""
    found: dict[str, Any] = prompt_file(tools_of(schema)).functions.schemas[0]["parameters"]["properties"]["a"]
    return found


@pytest.mark.parametrize(
    ("schema", "carried"),
    [
        ("{type: string, nullable: true}", {"type": "string", "nullable": True}),
        ('{type: [string, "null"]}', {"type": "string", "nullable": True}),
        ("{type: [null, integer]}", {"type": "integer", "nullable": True}),
        ("{type: [integer, number]}", {"type": "number"}),
        ('{anyOf: [{type: string}, {type: "null"}], default: null}', {"type": "string", "nullable": True}),
        ('{oneOf: [{type: "null"}, {type: integer, minimum: 1}]}', {"type": "integer", "minimum": 1, "nullable": True}),
        ("{oneOf: [{const: fast, title: Fast}, {const: slow}]}", {"type": "string", "enum": ["fast", "slow"]}),
        ("{anyOf: [{type: integer}, {type: number}]}", {"type": "number"}),
        ("{const: daily}", {"type": "string", "enum": ["daily"]}),
        ("{enum: [a, b, null]}", {"type": "string", "enum": ["a", "b"], "nullable": True}),
        ("{type: STRING}", {"type": "string"}),
        ("{minimum: 0, exclusiveMinimum: true, type: integer}", {"type": "integer", "exclusiveMinimum": 0}),
        ("{maximum: 9, exclusiveMaximum: false, type: integer}", {"type": "integer", "maximum": 9}),
        ("{type: string, x-order: 3}", {"type": "string"}),
        (
            "{type: string, default: m, minLength: 1, maxLength: 9, pattern: '^m', format: hostname, title: A}",
            {
                "type": "string",
                "default": "m",
                "minLength": 1,
                "maxLength": 9,
                "pattern": "^m",
                "format": "hostname",
                "title": "A",
            },
        ),
        (
            "{items: {type: string}, uniqueItems: true}",
            {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        ),
        (
            "{type: object, properties: {b: {type: integer}}, required: [b], additionalProperties: false}",
            {
                "type": "object",
                "properties": {"b": {"type": "integer", "description": ""}},
                "required": ["b"],
                "additionalProperties": False,
            },
        ),
        (
            "{type: object, additionalProperties: {type: string}}",
            {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        ),
    ],
)
def test_what_has_one_type_is_carried_in_one_form(schema: str, carried: dict[str, Any]) -> None:
    assert in_file(schema) == {"description": "", **carried}


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ("{type: string, default: x, maxLength: 3}", "{description:<escape><escape>,type:<escape>STRING<escape>}"),
        (
            "{type: integer, enum: [1, 2], description: How many.}",
            "{description:<escape>How many. One of: 1, 2<escape>,type:<escape>INTEGER<escape>}",
        ),
        (
            "{const: true}",
            "{description:<escape>One of: true<escape>,type:<escape>BOOLEAN<escape>}",
        ),
        (
            "{type: array, items: {type: string, enum: [a, b]}}",
            "{description:<escape><escape>,items:{enum:[<escape>a<escape>,<escape>b<escape>],"
            "type:<escape>STRING<escape>},type:<escape>ARRAY<escape>}",
        ),
        (
            "{type: object, properties: {k: {type: string, description: K}}, required: [k]}",
            "{description:<escape><escape>,properties:{k:{description:<escape>K<escape>,type:<escape>STRING<escape>}},"
            "required:[<escape>k<escape>],type:<escape>OBJECT<escape>}",
        ),
        ("{type: object, title: T}", "{description:<escape><escape>,properties:{},type:<escape>OBJECT<escape>}"),
    ],
)
def test_the_model_is_told_what_its_format_can_say(schema: str, told: str) -> None:
    assert in_prompt(schema) == told


@pytest.mark.parametrize(
    ("schema", "reason"),
    [
        ("{$ref: '#/x'}", ".$ref cannot be declared: a reference is not followed; write the schema out here"),
        ("{allOf: [{type: string}]}", ".allOf cannot be declared: write its parts out as one schema"),
        (
            "{type: object, patternProperties: {}}",
            ".patternProperties cannot be declared: only parameters with names of their own can be declared to the "
            "model; list them under properties",
        ),
        (
            "{type: string, not: {const: x}}",
            ".not cannot be declared: a condition cannot be declared to the model; say it in the description",
        ),
        (
            "{anyOf: [{type: string}, {type: integer}]}",
            ".anyOf: anyOf leaves several to choose from: a parameter has one type, and may be null besides; "
            "make it two parameters, or two functions",
        ),
        (
            "{type: [string, integer]}",
            ".type: type is a list of string, integer; a parameter has one type, and may be null besides",
        ),
        (
            "{enum: [1, many]}",
            ".enum: enum mixes integer and string; a parameter has one type: quote the numbers, or "
            "make it two parameters",
        ),
        ("{type: integer, enum: [1, 2.5]}", ".enum: enum holds 2.5, which is no integer"),
        ("{type: string, enum: []}", ".enum: enum needs at least one value"),
        ("{type: string, default: 3}", ".default: default is 3, not as declared"),
        ("{type: integer, minimum: 1, default: 0}", ".default: default is 0, not as declared"),
        ("{type: integer, minimum: low}", ".minimum: 'low' is no number"),
        ("{type: string, pattern: '('}", ".pattern: '(' is no regular expression that can be checked; leave it out"),
        ("{type: string, required: true}", ".required: required is a list of names, and stands beside properties"),
        ("{type: string, minlength: 2}", ".minlength is not known; did you mean minLength?"),
        ("{type: object, required: [b]}", ": required names b, which is no property"),
        (
            "{type: object, properties: {type: {type: string}}}",
            ".properties.type: type is a word of JSON schema: the prompt format cannot declare it; give it another "
            "name, or make it a parameter of the function",
        ),
        (
            "{type: object, properties: {'b c': {type: string}}}",
            ".properties.b c: the key 'b c' cannot stand in a call: it has spaces, brackets, commas or colons",
        ),
        ("{type: array, items: [{type: string}]}", ".items must hold keys and values"),
        ("{description: d}", ".type is missing"),
    ],
)
def test_what_cannot_be_declared_is_told_with_its_line(schema: str, reason: str) -> None:
    assert refused(schema) == PLACE + reason


def test_what_stands_below_a_parameter_is_told_with_its_own_line() -> None:
    with pytest.raises(StageError) as raised:
        read_tools(
            f"{HEAD}      a:\n        type: string\n        anyOf:\n        - type: string\n        - type: integer\n",
            "t",
        )
    assert str(raised.value).startswith("t, line 8: functions.0.parameters.properties.a.anyOf: ")


def test_the_parameters_as_a_whole_may_say_that_there_are_no_others() -> None:
    whole = "    additionalProperties: false\n    $schema: http://json-schema.org/draft-07/schema#\n    title: Job\n"
    assert prompt_file(tools_of("{type: string}", whole)).prefix == prompt_file(tools_of("{type: string}")).prefix


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ("{type: integer}", [0, -3], [1.0, True, "1", None]),
        ("{type: number}", [1, 1.5], [True, "1"]),
        ("{type: integer, minimum: 1, maximum: 3}", [1, 3], [0, 4]),
        ("{type: number, exclusiveMinimum: 0, exclusiveMaximum: 1}", [0.5], [0, 1]),
        ("{type: number, multipleOf: 0.1}", [0.3, 7], [0.35]),
        ("{type: integer, enum: [1, 2]}", [2], [3, True]),
        ("{type: string, minLength: 2, maxLength: 3}", ["ab", "abc"], ["a", "abcd"]),
        ("{type: string, pattern: '^[a-z]+$'}", ["ab"], ["a1", ""]),
        ("{type: string, nullable: true}", [None, "a"], [1]),
        (
            "{type: array, items: {type: integer, minimum: 0}, minItems: 1, maxItems: 2}",
            [[0], [1, 2]],
            [[], [-1], [1, 2, 3]],
        ),
        ("{type: array, uniqueItems: true}", [[1, "1"]], [[1, 1]]),
        (
            "{type: object, properties: {b: {type: string}}, required: [b]}",
            [{"b": "x"}],
            [{}, {"b": 1}, {"b": "x", "c": 1}],
        ),
        ("{type: object}", [{}, {"any": [1]}], [[], "{}"]),
        ("{type: object, additionalProperties: false}", [{}], [{"a": 1}]),
        ("{type: object, additionalProperties: {type: integer}}", [{"a": 1}], [{"a": "1"}]),
        ("{type: object, minProperties: 1, maxProperties: 1}", [{"a": 1}], [{}, {"a": 1, "b": 2}]),
    ],
)
def test_a_value_is_checked_by_all_that_is_declared(schema: str, valid: list[Any], invalid: list[Any]) -> None:
    known = declared(schema)
    assert [value for value in valid if not is_valid(known, value)] == []
    assert [value for value in invalid if is_valid(known, value)] == []


def test_a_label_s_value_is_any_text_but_none_of_the_choices() -> None:
    assert is_valid(declared("{type: string, maxLength: 3}"), mark("<namespace>"))
    assert not is_valid(declared("{type: string, enum: [a]}"), mark("<namespace>"))


def test_a_form_may_set_lists_objects_and_null() -> None:
    schema = "{type: array, items: {type: string}}\n      b: {type: object}\n      c: {type: string, nullable: true}"
    form = "  commands:\n  - {command: run all, arguments: {a: [x, y], b: {k: {n: 1}}, c: null}}\n"
    (template,) = tools_of(schema, form).functions[0].commands
    call = Call("job-run", template.arguments)
    assert read_calls(write_call(call)).calls == (call,)


def test_a_word_is_no_list() -> None:
    with pytest.raises(StageError) as raised:
        tools_of("{type: array}", "  commands: ['run {a}']\n")
    assert str(raised.value) == (
        "tools.yaml, line 7: functions.0.commands.0: the template 'run {a}' binds a, an array, to a word; "
        "set it under arguments"
    )


def test_a_deep_schema_is_read_or_refused() -> None:
    deep = "{type: string}"
    for _ in range(30):
        deep = f"{{type: array, items: {deep}}}"
    assert "nests deeper" in refused(deep)
