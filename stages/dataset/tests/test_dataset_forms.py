"""No two command forms of tools.yaml may be meant by one command, and each form can be matched at all."""

import pytest

from shared.errors import StageError
from stages.dataset.calls.commands import match
from stages.dataset.calls.tools import Tools, read_tools

PROPERTIES = (
    "{x: {type: string}, y: {type: string}, n: {type: integer}, on: {type: boolean}, s: {type: string, enum: [a, b]}}"
)


def tools_of(*commands: str | list[str]) -> Tools:
    """Returns functions f0, f1 … that each have the forms of one entry."""
    text = "functions:\n"
    for number, forms in enumerate(commands):
        text += f"- name: f{number}\n  description: d\n  parameters: {{properties: {PROPERTIES}}}\n  commands:\n"
        text += "".join(f"  - {form}\n" for form in ([forms] if isinstance(forms, str) else forms))
    return read_tools(text, "tools.yaml")


def refused(*commands: str | list[str]) -> str:
    with pytest.raises(StageError) as raised:
        tools_of(*commands)
    return str(raised.value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("kubectl delete pod {x}", "kubectl delete pod {x}"),
        ("kubectl delete pod {x}", "kubectl delete po {y}"),
        ("kubectl scale deploy/{x}", "kubectl scale deployment {x}"),
        ("kubectl get pod {x} -n {y}", "kubectl get --namespace={y} pod {x}"),
        ("tool run {x} --all --now", "tool run {x} --now --all"),
        ("tool set {n}", "tool set {x}"),
        ("tool set {s}", "tool set {x}"),
        ("tool move {x}/{y}", "tool move {y}/{x}"),
        ("tool move {x}/{y}", "tool move {x} {y}"),
        ("tool tag {x}:{n}", "tool tag {y}:{n}"),
    ],
)
def test_two_functions_with_the_same_words_are_refused_with_the_second_s_line(one: str, other: str) -> None:
    assert refused(one, other) == (
        f"tools.yaml, line 11: functions.1.commands.0: the template {other!r} has the words of {one!r} of f0: "
        "a command of this form would be two calls; make the words differ, or keep one"
    )


def test_two_forms_of_one_function_with_the_same_words_are_refused() -> None:
    assert refused(["tool set {x}", "tool set {y}"]) == (
        "tools.yaml, line 7: functions.0.commands.1: the template 'tool set {y}' has the words of 'tool set {x}' of "
        "f0: a command of this form would be two calls; make the words differ, or keep one"
    )
    told = "has the words of 'kubectl get pod {x}', which says the same; keep one"
    assert told in refused(["kubectl get pod {x}", "kubectl get pods {x}"])
    constants = ["{command: tool go, arguments: {n: 1}}", "{command: tool  go, arguments: {n: 2}}"]
    assert "would be two calls" in refused(constants)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tool set {x}", "tool unset {x}"),
        ("tool set {x}", "tool set {x} --force"),
        ("tool set {n}", "tool set {on}"),
        ("tool set {s}", "tool set {n}"),
        ("tool set {x} --a", "tool set {x} --b"),
        ("tool set {x} --to {y}", "tool set {x} {y}"),
        ("tool set all", "tool set {x}"),
    ],
)
def test_forms_with_other_words_or_no_common_value_may_stand_together(one: str, other: str) -> None:
    assert len(tools_of(one, other).functions) == 2


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        ("tool {x}{y}", ".command: nothing stands between {x}{y}, so that no one could tell where the first ends"),
        ("tool <x>", ".command: '<x>' binds nothing in a template; write {x}, the parameter's name"),
        ("tool { x }", ".command: '{ x }' binds nothing in a template; write {x}, the parameter's name"),
        ("tool {{ x }}", ".command: '{{ x }}' binds nothing in a template; write {x}, the parameter's name"),
        ("tool {x-y}", ": the template 'tool {x-y}' names x-y, no parameter of f0"),
        (" ", ".command: ' ' is no simple command: it needs a program, and no pipeline or variable"),
    ],
)
def test_a_form_that_no_command_could_match_is_refused(form: str, reason: str) -> None:
    assert refused(f'"{form}"') == f"tools.yaml, line 6: functions.0.commands.0{reason}"


def test_a_parameter_that_is_bound_and_set_is_refused() -> None:
    assert refused("{command: 'tool {x}', arguments: {x: a}}") == (
        "tools.yaml, line 6: functions.0.commands.0: the template 'tool {x}' binds x, and sets it under arguments as "
        "well; keep one"
    )


def test_a_name_with_a_dash_is_bound() -> None:
    text = (
        "functions: [{name: f, description: d, model_parameters: {grace-time: grace}, commands: ['tool {grace-time}'], "
        "parameters: {properties: {grace-time: {type: integer}}}}]"
    )
    assert match("tool 3", read_tools(text, "t").functions[0]) == {"grace-time": 3}


@pytest.mark.parametrize("name", ["---", "_", ".-.", "-"])
def test_a_name_without_a_letter_is_refused(name: str) -> None:
    with pytest.raises(StageError) as raised:
        read_tools(f"functions:\n- name: '{name}'\n  description: d\n", "tools.yaml")
    assert str(raised.value) == (
        f"tools.yaml, line 2: functions.0.name: {name} is no name: it has neither a letter nor a digit"
    )


def test_names_that_become_one_name_inside_the_model_are_refused_with_the_second_s_line() -> None:
    with pytest.raises(StageError) as raised:
        read_tools("functions:\n- {name: a-b, description: d}\n- {name: a.b, description: d}\n", "tools.yaml")
    assert str(raised.value) == "tools.yaml, line 3: functions.1: two functions have the name inside the model a_b"
