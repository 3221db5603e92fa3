"""tools.yaml says which functions there are, what the model calls them, and which commands stand for them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import StageError
from shared.function_call import CONTROL_TOKENS, Call
from stages.dataset.calls.tools import Tools, read_tools
from stages.dataset.tests.repositories import HOMELAB, TOOLS

ONE = """functions:
- name: pod-restart
  description: Restart a pod.
  parameters:
    properties:
      pod: {type: string}
      grace: {type: integer}
    required: [pod]
"""


def refused(text: str) -> str:
    with pytest.raises(StageError) as raised:
        read_tools(text, "tools.yaml")
    return str(raised.value)


def read(text: str) -> Tools:
    return read_tools(text, "tools.yaml")


def test_a_function_is_known_by_its_schema_and_its_names() -> None:
    tools = read(ONE + "  model_parameters: {pod: target}\n")
    assert tools.functions[0].schema_for_model() == {
        "name": "pod-restart",
        "description": "Restart a pod.",
        "parameters": {
            "type": "object",
            "properties": {
                "pod": {"type": "string", "description": ""},
                "grace": {"type": "integer", "description": ""},
            },
            "required": ["pod"],
        },
    }
    assert tools.names.to_model(Call("pod-restart", {"pod": "a"})) == Call("pod_restart", {"target": "a"})


def test_dashes_and_dots_become_underscores_unless_the_file_says_otherwise() -> None:
    assert read(ONE.replace("pod-restart", "pod.re-start")).functions[0].names.model == "pod_re_start"
    assert read(ONE + "  model_name: restart\n").functions[0].names.model == "restart"


def test_the_example_s_files_are_valid() -> None:
    counts = {path.parts[-3]: len(read(path.read_text()).functions) for path in HOMELAB.glob("flux/ai/*/training/t*")}
    assert counts == {"agent-sre": 7, "agent-bruno": 6, "agent-auditor": 7}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("functions: [", ", line 1 is not valid YAML: expected the node content, but found '<stream end>'"),
        ("- a", " must hold keys and values, not a list"),
        ("{}", ", line 1: functions is missing"),
        ("functions: []", ", line 1: functions; list should have at least 1 item after validation, not 0"),
        ("functions:\n- name: f", ", line 2: functions.0.description is missing"),
        (ONE + "  comands: []", ", line 9: functions.0.comands is not known; did you mean commands?"),
        (ONE + "  commands: x", ", line 9: functions.0.commands is 'x'; input should be a valid list"),
        (ONE + "  commands: [[x]]", ", line 9: functions.0.commands.0 must hold keys and values"),
        (
            ONE + "  commands: [{comand: x}]",
            ", line 9: functions.0.commands.0.comand is not known; did you mean command?",
        ),
        (ONE + "  name: x", ', line 9 is not valid YAML: found duplicate key "name"'),
        (ONE + "placeholders: &a {}\nx: *a", ", line 10 uses a YAML alias; write the value out"),
        (
            ONE.replace("string", "text"),
            ", line 6: functions.0.parameters.properties.pod.type is 'text'; "
            "input should be 'string', 'integer', 'number', 'boolean', 'array' or 'object'",
        ),
        (
            ONE.replace("integer}", "integer, enum: [a]}"),
            ", line 7: functions.0.parameters.properties.grace.enum: enum holds 'a', which is no integer",
        ),
        (
            ONE.replace("[pod]", "[pot]"),
            ", line 4: functions.0.parameters: required names pot, which is no property",
        ),
        (
            ONE.replace("pod-restart", "pod restart"),
            ", line 2: functions.0.name is 'pod restart'; string should match pattern '^[A-Za-z0-9_.-]+$'",
        ),
        (
            ONE + "placeholders: {claim: a b}",
            ", line 9: placeholders.claim is 'a b'; string should match pattern '^[A-Za-z_][A-Za-z0-9_]*$'",
        ),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, reason: str) -> None:
    assert refused(text) == f"tools.yaml{reason}"


def test_two_functions_of_one_name_are_refused() -> None:
    assert (
        refused(TOOLS + TOOLS.partition("\n")[2])
        == "tools.yaml, line 13: functions.1: two functions have the name pod-restart"
    )


def test_two_functions_that_would_be_one_inside_the_model_are_refused() -> None:
    other = "- {name: pod.restart, description: x}\n"
    assert refused(ONE + other) == (
        "tools.yaml, line 9: functions.1: two functions have the name inside the model pod_restart"
    )


def test_two_parameters_that_would_be_one_inside_the_model_are_refused() -> None:
    assert refused(ONE + "  model_parameters: {grace: pod}\n") == (
        "tools.yaml, line 2: functions.0: two parameters of pod-restart have the name pod inside the model"
    )


@pytest.mark.parametrize("name", ["type", "description", "properties", "required", "nullable"])
def test_a_reserved_parameter_needs_another_name_inside_the_model(name: str) -> None:
    text = ONE.replace("grace", name)
    assert refused(text) == (
        f"tools.yaml, line 2: functions.0: the prompt format cannot declare a parameter named {name}; "
        f"give it another name inside the model: model_parameters: {{{name}: …}}"
    )
    assert read(text + f"  model_parameters: {{{name}: kind}}\n").functions[0].names.parameters[name] == "kind"


def test_a_new_name_for_an_unknown_parameter_is_refused() -> None:
    assert refused(ONE + "  model_parameters: {pot: x}\n") == (
        "tools.yaml, line 2: functions.0: model_parameters names pot, which is no property"
    )


def test_a_parameter_that_is_no_word_needs_another_name_inside_the_model() -> None:
    assert refused(ONE.replace("grace", "grace-seconds")) == (
        "tools.yaml, line 2: functions.0: the parameter grace-seconds needs a name of letters, digits and _: "
        "use model_parameters"
    )


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("x {pod} {node}", "the template 'x {pod} {node}' names node, no parameter of pod-restart"),
        ("x {}", "the template 'x {}' names {}, no parameter of pod-restart"),
        ("x --grace={grace}", "the template 'x --grace={grace}' gives no value to pod"),
    ],
)
def test_a_template_binds_the_function_s_parameters(template: str, reason: str) -> None:
    assert refused(ONE + f'  commands: ["{template}"]\n') == f"tools.yaml, line 9: functions.0.commands.0: {reason}"


@pytest.mark.parametrize(
    "template", ["x {pod} | y", "x '{pod}", "{pod} x", "", "-x {pod}", "x $HOME {pod}", "x; {pod}"]
)
def test_a_template_that_could_never_match_is_refused(template: str) -> None:
    assert refused(ONE + f'  commands: ["{template}"]\n') == (
        f"tools.yaml, line 9: functions.0.commands.0.command: {template!r} is no simple command: "
        "it needs a program, and no pipeline or variable"
    )


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("x", ", line 9: functions.0.commands.0: the template 'x {pod}' sets grace to 'x', not as declared"),
        ("true", ", line 9: functions.0.commands.0: the template 'x {pod}' sets grace to True, not as declared"),
        (".nan", ", line 9: functions.0.commands.0.arguments.grace: nan is no number that a call can hold"),
        ("1e400", ", line 9: functions.0.commands.0.arguments.grace: inf is no number that a call can hold"),
        ("[1]", ", line 9: functions.0.commands.0: the template 'x {pod}' sets grace to [1], not as declared"),
        ("null", ", line 9: functions.0.commands.0: the template 'x {pod}' sets grace to None, not as declared"),
        (
            "<escape>",
            ", line 9: functions.0.commands.0.arguments.grace: the text holds the control token <escape>, "
            "which the model takes for structure",
        ),
    ],
)
def test_a_constant_has_the_declared_type(value: str, reason: str) -> None:
    commands = f"  commands: [{{command: 'x {{pod}}', arguments: {{grace: {value}}}}}]\n"
    assert refused(ONE + commands) == f"tools.yaml{reason}"


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_a_description_with_a_control_token_is_refused(token: str) -> None:
    for text, where in (
        (ONE.replace("Restart a pod.", f"Restart {token}."), "line 3: functions.0.description"),
        (
            ONE.replace("type: string", f"type: string, description: '{token}'"),
            "line 6: functions.0.parameters.properties.pod.description",
        ),
        (
            ONE.replace("type: string", f"type: string, enum: [a, '{token}']"),
            "line 6: functions.0.parameters.properties.pod.enum.1",
        ),
    ):
        reason = f"the text holds the control token {token}, which the model takes for structure"
        assert refused(text) == f"tools.yaml, {where}: {reason}"


def test_half_a_character_is_refused() -> None:
    assert refused(ONE.replace("Restart a pod.", '"\\ud800"')) == (
        "tools.yaml, line 3: functions.0.description: the text holds half a character"
    )


@given(st.text(alphabet="ab:-{}[]'\" \n|<>"), st.integers(0, len(ONE)))
def test_a_damaged_file_is_read_or_refused_in_one_line(damage: str, place: int) -> None:
    try:
        read(ONE[:place] + damage + ONE[place:])
    except StageError as error:
        assert str(error).startswith("tools.yaml")
        assert "\n" not in str(error)
