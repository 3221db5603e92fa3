"""A draft of training/tools.yaml; what only a person knows is marked TODO at its place."""

from collections.abc import Iterator, Sequence

from shared.errors import one_line
from stages.dataset.adopt.choice import Choice, Chosen, as_yaml, form_as_yaml
from stages.dataset.adopt.drafted import Drafted
from stages.dataset.adopt.lines import TODO, as_comment, comment, remark, value
from stages.dataset.adopt.runbook_forms import Used, as_function
from stages.dataset.calls.remedies import MANY_FUNCTIONS
from stages.dataset.runbook.commands.danger import effect

MOST_SUGGESTED = 14  # forms that are shown as functions to be; a person reads no more
MOST_PLACES = 2


def tools_yaml(choice: Choice, rules: Sequence[str], command: str) -> str:
    """Returns the file's text. rules: patterns of the rule files elsewhere. command: that lints it."""
    return "\n".join((*_lines(choice, rules, command), ""))


def _lines(choice: Choice, rules: Sequence[str], command: str) -> Iterator[str]:
    count = len(choice.active)
    yield from comment(
        f"Drafted by `make adopt` from what the repository has: {count} functions, "
        f"which teach a call for {choice.taught} of {choice.alerts} alerts."
    )
    yield from comment(f"What only a person knows is marked {TODO}. `{command}` tells what each alert teaches.")
    if count > MANY_FUNCTIONS:
        yield from comment(f"{TODO} {count} functions: beyond {MANY_FUNCTIONS} a model chooses less reliably")
    yield "functions:"
    for chosen in choice.active:
        yield from _function(chosen)
        yield ""
    yield from _beyond(choice.others)
    yield from _suggested(choice.suggested)
    if rules:
        yield from comment(
            "Alerting rules elsewhere: what the agent is asked about. Those without a function teach it silence."
        )
        yield "rules:"
        yield from (f"  - {value(pattern)}" for pattern in rules)
        yield ""
    yield from _placeholders(choice)
    yield from _policy(choice.uncovered)


def _function(chosen: Chosen) -> Iterator[str]:
    function = chosen.function
    yield from comment(f"From {_places(function)}.{_alerts(len(chosen.taught), ' would teach it')}", 2)
    for note in function.notes:
        yield from comment(f"{TODO} {note}", 2)
    if function.source == "runbook":
        yield from comment(f"{TODO} only the runbook suggests it: deploy it, or write the name of yours", 2)
    said = as_yaml(function)
    yield f"  - name: {value(said['name'])}"
    is_missing = function.description.startswith(TODO)
    yield f"    description: {value(said['description'])}" + (
        remark(f"{TODO} say in a few words what it does") if is_missing else ""
    )
    if "parameters" in said:
        yield from _parameters(function)
    if "model_parameters" in said:
        yield f"    model_parameters: {value(said['model_parameters'])}"
    yield from _danger(chosen)
    yield from _forms(chosen)


def _places(function: Drafted) -> str:
    shown = ", ".join(function.places[:MOST_PLACES])
    more = len(function.places) - MOST_PLACES
    return f"{shown} and {more} more" if more > 0 else shown


def _alerts(count: int, does: str = "") -> str:
    return f" {count} alert{'' if count == 1 else 's'}{does}." if count else ""


def _parameters(function: Drafted) -> Iterator[str]:
    said = as_yaml(function)["parameters"]
    yield "    parameters:"
    yield "      properties:"
    for parameter in function.parameters:
        if parameter.note:
            yield from comment(f"{TODO} {parameter.note}", 8)
        default = remark(f"the function's default: {parameter.default:.60}") if parameter.default else ""
        yield f"        {value(parameter.name)}: {value(said['properties'][parameter.name])}{default}"
    if "required" in said:
        yield f"      required: {value(said['required'])}"


def _danger(chosen: Chosen) -> Iterator[str]:
    """Yields the proposal to allow dangerous commands; nobody but a person does."""
    harmful = [form.command for form in chosen.function.forms if effect(form.command).dangerous]
    if harmful or chosen.waiting:
        shown = f"`{harmful[0]:.100}` is dangerous" if harmful else "a command of the runbook is dangerous"
        count = len(chosen.waiting)
        waits = f", and {count} alert{' waits' if count == 1 else 's wait'} for it" if count else ""
        yield as_comment("    dangerous: true", 4) + remark(f"{TODO} {shown}{waits}: may the agent do this unasked?")


def _forms(chosen: Chosen) -> Iterator[str]:
    function = chosen.function
    proposed = [_proposal(used) for used in chosen.proposals]
    if not function.forms:
        ask = "which commands of the runbook stand for it?" if proposed else "no command is known to stand for it"
        yield from comment(f"{TODO} {ask}", 4)
        yield from (as_comment(line, 4) for line in (["    commands:", *proposed] if proposed else []))
        return
    yield "    commands:"
    for form, count in zip(function.forms, chosen.by_form, strict=True):
        said = form_as_yaml(form)
        told = remark(_alerts(count).strip(" .")) if count else ""
        if isinstance(said, str):
            yield f"      - {value(said)}{told}"
        else:
            yield f"      - command: {value(said['command'])}{told}"
            yield f"        arguments: {value(said['arguments'])}"
    if proposed:
        yield from comment(f"{TODO} the runbook says it so as well; does the function do this?", 6)
        yield from (as_comment(line, 6) for line in proposed)


def _proposal(used: Used) -> str:
    danger = "; dangerous" if effect(used.form.command).dangerous else ""
    return f"      - {value(form_as_yaml(used.form))}{remark(_alerts(len(used.alerts)).strip(' .') + danger)}"


def _beyond(others: Sequence[Chosen]) -> Iterator[str]:
    if not others:
        return
    reason = f"beyond {MANY_FUNCTIONS} a model chooses less reliably"
    yield from comment(f"{TODO} {len(others)} more functions, which teach fewer alerts: {reason}", 2)
    for chosen in others[:MOST_SUGGESTED]:
        yield from (as_comment(line, 2) if line.strip() else line for line in _function(chosen))
        yield ""
    if rest := [one_line(chosen.function.name) for chosen in others[MOST_SUGGESTED:]]:
        yield from comment(f"Further: {', '.join(rest)}", 2)
        yield ""


def _suggested(used: Sequence[Used]) -> Iterator[str]:
    """Yields the runbook's remedies that no function stands for, as functions to be."""
    if not used:
        return
    settle = "deploy one that does it, or leave it to a person"
    yield from comment(f"{TODO} {len(used)} command forms of the runbook are no function's: {settle}", 2)
    for each in used[:MOST_SUGGESTED]:
        danger = "; dangerous" if effect(each.form.command).dangerous else ""
        place = f"{each.form.place}.{_alerts(len(each.alerts), f' would teach it{danger}')}"
        said = as_yaml(as_function(each))
        yield as_comment(f"  - name: {value(said['name'])}", 2) + remark(place)
        yield as_comment(f"    description: {value('TODO')}", 2)
        if "parameters" in said:
            yield as_comment(f"    parameters: {value(said['parameters'])}", 2)
        yield as_comment(f"    commands: [{value([each.form.command])[1:-1]}]", 2)
    if len(used) > MOST_SUGGESTED:
        yield from comment(f"and {len(used) - MOST_SUGGESTED} more, of {len(used[-1].alerts)} alert(s) or more each", 2)
    yield ""


def _placeholders(choice: Choice) -> Iterator[str]:
    if choice.placeholders:
        yield from comment(f"{TODO} names in the runbook that are no label: for which label does each stand?")
        yield "# placeholders:"
        for name, count in choice.placeholders:
            yield as_comment(f"  {value(name)}: name_of_a_label{remark(_alerts(count).strip(' .'))}")
        yield ""


def _policy(uncovered: Sequence[str]) -> Iterator[str]:
    if uncovered:
        settle = "they teach nothing; where a person acts, let the agent stay silent:"
        yield from comment(f"{TODO} the remedies of {len(uncovered)} alerts are no function's: {settle}")
        yield "# policy:"
        yield "#   no_call:"
        yield from (as_comment(f"    - {value(name)}") for name in dict.fromkeys(uncovered))
