"""The prompt is rendered once, travels as `prompt.json`, and is the same text wherever it is filled."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.function_call import CONTROL_TOKENS, Call, Reading, neutralise, write_calls
from shared.prompt import (
    INSTRUCTION,
    DeclaredFunctions,
    FunctionNames,
    NameMap,
    PromptFile,
    render_completion,
    render_developer_turn,
    render_prompt,
    render_user_turn,
)

RECONCILE: dict[str, Any] = {
    "name": "flux-reconcile",
    "description": "Reconciles a resource",
    "parameters": {
        "type": "object",
        "properties": {
            "type": {"type": "string", "description": "Which kind", "enum": ["helmrelease", "kustomization"]},
            "name": {"type": "string", "description": "Which one"},
        },
        "required": ["type", "name"],
    },
}
STATUS: dict[str, Any] = {"name": "pod-check-status", "description": "Looks at a pod"}
NAMES = NameMap(
    {
        "flux-reconcile": FunctionNames("flux_reconcile", {"type": "kind", "name": "name"}),
        "pod-check-status": FunctionNames("pod_check_status", {}),
    }
)
PROMPT_FILE = PromptFile.render([RECONCILE, STATUS], NAMES)
DEVELOPER_TURN = (
    "<bos><start_of_turn>developer\n"
    "You are a model that can do function calling with the following functions"
    "<start_function_declaration>declaration:flux_reconcile{description:<escape>Reconciles a resource<escape>,"
    "parameters:{properties:{kind:{description:<escape>Which kind<escape>,"
    "enum:[<escape>helmrelease<escape>,<escape>kustomization<escape>],type:<escape>STRING<escape>},"
    "name:{description:<escape>Which one<escape>,type:<escape>STRING<escape>}},"
    "required:[<escape>kind<escape>,<escape>name<escape>],type:<escape>OBJECT<escape>}}<end_function_declaration>"
    "<start_function_declaration>declaration:pod_check_status{description:<escape>Looks at a pod<escape>}"
    "<end_function_declaration><end_of_turn>\n"
)


def test_the_developer_turn_holds_the_instruction_and_the_declarations() -> None:
    assert PROMPT_FILE.prefix == DEVELOPER_TURN
    assert render_developer_turn(map(NAMES.to_model_schema, [RECONCILE, STATUS])) == DEVELOPER_TURN


def test_turns_are_trimmed() -> None:
    assert render_developer_turn([], " Act. \n") == "<bos><start_of_turn>developer\nAct.<end_of_turn>\n"
    assert render_user_turn("\n Pod down ") == "<start_of_turn>user\nPod down<end_of_turn>\n<start_of_turn>model\n"


def test_a_prompt_is_the_developer_turn_and_the_user_turn() -> None:
    assert render_prompt([STATUS], "x") == render_developer_turn([STATUS], INSTRUCTION) + render_user_turn("x")


def test_a_completion_with_calls_asks_for_their_results() -> None:
    assert render_completion([Call("f", {"n": 1}), Call("g", {})]) == (
        "<start_function_call>call:f{n:1}<end_function_call>"
        "<start_function_call>call:g{}<end_function_call><start_function_response>"
    )


def test_a_completion_without_a_call_is_an_answer_that_ends_the_turn() -> None:
    assert render_completion([], " A person must look. ") == "A person must look.<end_of_turn>\n"


def test_a_completion_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="a call or an answer"):
        render_completion([])


def test_control_tokens_in_the_instruction_or_an_answer_are_refused() -> None:
    with pytest.raises(ValueError, match="<end_of_turn>"):
        render_developer_turn([], "a<end_of_turn>b")
    with pytest.raises(ValueError, match="<eos>"):
        render_completion([], "a<eos>")


@given(st.lists(st.sampled_from([*CONTROL_TOKENS, "{content}", "{0}", "\\1", "%s", "{{"]) | st.text(max_size=5)))
def test_a_content_is_filled_in_as_it_is_but_for_control_tokens(pieces: list[str]) -> None:
    content = "".join(pieces)
    shown = neutralise(content.strip())
    assert render_user_turn(content) == f"<start_of_turn>user\n{shown}<end_of_turn>\n<start_of_turn>model\n"
    assert PROMPT_FILE.prompt(content) == DEVELOPER_TURN + render_user_turn(content)
    assert PROMPT_FILE.prompt(content).count("<start_of_turn>") == 3


# Names

arguments = st.fixed_dictionaries({}, optional={"type": st.text().map(neutralise), "name": st.integers()})


@given(st.lists(st.builds(Call, st.just("flux-reconcile"), arguments), max_size=3))
def test_calls_in_the_agents_names_survive_the_model(calls: list[Call]) -> None:
    text = write_calls(map(NAMES.to_model, calls))
    assert "flux-reconcile" not in text
    assert PROMPT_FILE.read(text) == Reading(tuple(calls))


def test_names_change_on_the_way_in_and_back_on_the_way_out() -> None:
    call = Call("flux-reconcile", {"type": "helmrelease"})
    assert NAMES.to_model(call) == Call("flux_reconcile", {"kind": "helmrelease"})
    assert NAMES.to_agent(NAMES.to_model(call)) == call


def test_only_a_calls_own_parameters_are_renamed() -> None:
    names = NameMap({"patch": FunctionNames("patch", {"body": "patch", "type": "kind"})})
    assert names.to_model(Call("patch", {"body": {"type": 1}})) == Call("patch", {"patch": {"type": 1}})


@pytest.mark.parametrize("call", [Call("rm", {}), Call("flux-reconcile", {"kind": "x"})])
def test_a_name_outside_the_map_is_refused(call: Call) -> None:
    with pytest.raises(ValueError, match=r"'rm'|'kind'"):
        NAMES.to_model(call)


@pytest.mark.parametrize("call", [Call("rm", {}), Call("flux-reconcile", {}), Call("flux_reconcile", {"type": "x"})])
def test_a_call_of_what_was_not_declared_is_a_fault(call: Call) -> None:
    reading = PROMPT_FILE.read(write_calls([Call("pod_check_status", {}), call]))
    assert reading.calls == () and reading.fault


def test_a_malformed_call_is_a_fault_of_the_prompt_file_too() -> None:
    assert PROMPT_FILE.read("<start_function_call>call:").fault == "no function name at character 26: the end"


def test_two_names_may_not_become_one_in_the_model() -> None:
    with pytest.raises(ValueError, match="'a_b'"):
        NameMap({"a-b": FunctionNames("a_b", {}), "a.b": FunctionNames("a_b", {})})
    with pytest.raises(ValueError, match="'kind'"):
        NameMap({"f": FunctionNames("f", {"type": "kind", "kind": "kind"})})


def test_the_map_and_the_schemas_must_tell_of_the_same_functions() -> None:
    with pytest.raises(ValueError, match="pod_check_status"):
        DeclaredFunctions(NAMES, (NAMES.to_model_schema(RECONCILE),))


# prompt.json


def test_the_prompt_file_survives_json_byte_for_byte() -> None:
    again = PromptFile.from_json(PROMPT_FILE.to_json())
    assert again == PROMPT_FILE
    assert again.to_json() == PROMPT_FILE.to_json()


def test_the_prompt_file_is_readable_by_any_program() -> None:
    content = json.loads(PROMPT_FILE.to_json())
    assert content["prefix"] == DEVELOPER_TURN
    assert content["user_turn"].count("{content}") == 1
    assert content["stop_tokens"] == ["<eos>", "<start_function_response>", "<end_of_turn>"]
    assert content["functions"]["names"]["flux-reconcile"]["parameters"]["type"] == "kind"
    assert content["functions"]["schemas"][0]["parameters"]["required"] == ["kind", "name"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"format": "other/2"}, "format is 'other/2'"),
        ({"prefix": None}, "prefix is NoneType"),
        ({"user_turn": "no place"}, "exactly one {content}"),
        ({"user_turn": "{content}{content}"}, "exactly one {content}"),
        ({"stop_tokens": "<eos>"}, "stop_tokens is str"),
        ({"stop_tokens": [1]}, "stop_tokens is int"),
        ({"functions": {}}, "functions lacks names, schemas"),
        ({"functions": {"names": {"f": {}}, "schemas": []}}, "names.f lacks model, parameters"),
        ({"functions": {"names": {}, "schemas": [{"name": "f"}]}}, "the schemas declare"),
        ({"surprise": 1}, "unknown surprise"),
    ],
)
def test_a_damaged_prompt_file_is_refused_with_the_reason(change: dict[str, Any], reason: str) -> None:
    damaged = json.dumps({**json.loads(PROMPT_FILE.to_json()), **change})
    with pytest.raises(ValueError, match=reason):
        PromptFile.from_json(damaged)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100_000, '{"format": NaN}'])
def test_what_is_no_prompt_file_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"prompt\.json"):
        PromptFile.from_json(text)
