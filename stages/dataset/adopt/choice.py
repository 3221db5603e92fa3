"""Which drafted functions an agent gets: what each would teach by the stage's own judgement, and the best fourteen."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from shared.function_call import neutralise
from stages.dataset.adopt import runbook_forms
from stages.dataset.adopt.drafted import Drafted, Form, Parameter, normal
from stages.dataset.adopt.runbook_forms import Taken, Used, place_in
from stages.dataset.adopt.schema import as_property, inside_names, narrowed
from stages.dataset.calls import commands
from stages.dataset.calls.judgement import Judged
from stages.dataset.calls.placeholders import placeholders
from stages.dataset.calls.remedies import MANY_FUNCTIONS, Findings, find_remedies
from stages.dataset.calls.rules import Rule, Rules
from stages.dataset.calls.tools import Function, Tools
from stages.dataset.rows import labels
from stages.dataset.runbook.alert import Alert
from stages.dataset.runbook.commands.danger import effect

_BOUND = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Chosen:
    """A function that tools.yaml can hold, with the alerts that it would teach.

    waiting: alerts whose remedy it is, were it allowed dangerous commands. by_form: how many alerts each form teaches.
    proposals: forms of the runbook that it may stand for as well, by a person's word.
    """

    function: Drafted
    taught: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    by_form: tuple[int, ...] = ()
    proposals: tuple[Used, ...] = ()
    is_called: bool = False


@dataclass(frozen=True)
class Choice:
    """What tools.yaml is to hold, and what stays for a person.

    others: functions beyond those that a model chooses between reliably. suggested: functions that the runbook's
    commands alone suggest. placeholders: names in remedies that are no label, with how many alerts have each.
    uncovered: alerts whose remedy is no function's. alerts: how many the runbook and the rules have. refused: functions
    that tools.yaml cannot hold, each with the reason.
    """

    active: tuple[Chosen, ...]
    others: tuple[Chosen, ...]
    suggested: tuple[Used, ...]
    placeholders: tuple[tuple[str, int], ...]
    uncovered: tuple[str, ...]
    alerts: int
    refused: tuple[str, ...] = ()

    @property
    def taught(self) -> int:
        """How many alerts would be taught a call."""
        return len({alert for chosen in self.active for alert in chosen.taught})


def choose(drafts: Sequence[Drafted], alerts: Sequence[Alert], rules: Sequence[Rule], runbook: str) -> Choice:
    """Returns the functions to write; those that rules call among them, whatever their number."""
    functions = [valid(draft, [rule for rule in rules if rule.function == draft.name]) for draft in drafts]
    if not functions:
        used = runbook_forms.forms(runbook_forms.remedies(alerts), runbook)
        functions = [valid(runbook_forms.as_function(each), ()) for each in _worthy(used)]
    refused = tuple(f"{each.name} of {each.places[0]}: {fault}" for each in functions if (fault := _fault(each)))
    functions = _clear([each for each in functions if not _fault(each)])
    found = _judged(functions, alerts, rules)
    chosen, left = _with_proposals([_chosen(each, found, rules) for each in functions], alerts, runbook)
    ranked = sorted(chosen, key=_rank)
    most = max(MANY_FUNCTIONS, sum(each.is_called for each in ranked))
    active = sorted(ranked[:most], key=lambda each: each.function.name)
    found = _judged([each.function for each in active], alerts, rules)
    names = {alert.name for alert in alerts} | {rule.alert for rule in rules}
    return Choice(
        active=tuple(active),
        others=tuple(ranked[most:]),
        suggested=tuple(left),
        placeholders=tuple(_unknown(found)),
        uncovered=tuple(_uncovered(found)),
        alerts=len(names),
        refused=refused,
    )


def concerned(
    drafts: Sequence[Drafted], beside: Sequence[str], alerts: Sequence[Alert], rules: Sequence[Rule], runbook: str
) -> list[Drafted]:
    """Returns the functions without those of folders that all agents share whose commands no alert here has.

    beside: those folders, each with a slash at its end.
    """
    lent = {draft.name for draft in drafts if beside and any(place.startswith(tuple(beside)) for place in draft.places)}
    if not lent:
        return list(drafts)
    found = choose(drafts, alerts, rules, runbook)
    wanted = (each for each in (*found.active, *found.others) if each.taught or each.waiting or each.proposals)
    kept = {each.function.name for each in wanted} | {rule.function for rule in rules}
    return [draft for draft in drafts if draft.name in kept or draft.name not in lent]


def _worthy(used: Sequence[Used]) -> list[Used]:
    """Returns the forms that several alerts have, or that hold a parameter; the first where there is none."""
    distinct = list({runbook_forms.as_function(each).name: each for each in reversed(used)}.values())[::-1]
    return [each for each in distinct if len(each.alerts) > 1 or each.parameters] or distinct[:1]


def _rank(each: Chosen) -> tuple[bool, int, int, int, str]:
    proposed = len({alert for used in each.proposals for alert in used.alerts})
    return not each.is_called, -len(each.taught), -len(each.waiting), -proposed, each.function.name


def as_yaml(function: Drafted) -> dict[str, Any]:
    """Returns a function as tools.yaml holds it; to be had of `valid`."""
    names = [parameter.name for parameter in function.parameters]
    required = [parameter.name for parameter in function.parameters if parameter.required]
    said: dict[str, Any] = {"name": function.name, "description": function.description}
    if names:
        said["parameters"] = {"properties": {each.name: as_property(each) for each in function.parameters}}
        said["parameters"] |= {"required": required} if required else {}
    if renamed := inside_names(names):
        said["model_parameters"] = renamed
    if function.forms:
        said["commands"] = [form_as_yaml(form) for form in function.forms]
    return said


def form_as_yaml(form: Form) -> str | dict[str, Any]:
    """Returns a command form as tools.yaml holds it."""
    return {"command": form.command, "arguments": dict(form.arguments)} if form.arguments else form.command


def valid(draft: Drafted, rules: Sequence[Rule]) -> Drafted:
    """Returns a function that tools.yaml can hold, with a note of all that it cannot."""
    kept = [(parameter, narrowed(parameter)) for parameter in draft.parameters]
    notes = [*draft.notes, *(_lost(parameter) for parameter, known in kept if known is None)]
    bound = [{*_BOUND.findall(form.command), *dict(form.arguments)} for form in draft.forms]
    parameters = [_settled(known, bound, rules) for _, known in kept if known]
    # Without text for the model the function stands there all the same; a person writes it.
    description = _told(draft.description) or f"TODO what {draft.name} does"
    bare = replace(draft, description=description, parameters=tuple(parameters), forms=())
    forms = []
    for form in draft.forms:
        fault = _fault(replace(bare, forms=(form,)))
        if fault:
            notes.append(f"{form.place} runs {form.command!r:.200}, which is no form: {fault:.200}")
        else:
            forms.append(form)
    return replace(bare, forms=tuple(forms), notes=tuple(dict.fromkeys(notes)))


def _clear(functions: Sequence[Drafted]) -> list[Drafted]:
    """Returns the functions without forms whose words another form has already: a command would be two calls."""
    taken: dict[object, str] = {}
    clear = []
    for function in functions:
        forms, notes = [], list(function.notes)
        for form in function.forms:
            shapes = runbook_forms.shapes(form.command)
            owner = next((taken[shape] for shape in shapes if shape in taken), "")
            if not owner:
                forms.append(form)
                taken |= dict.fromkeys(shapes, function.name)
            elif owner != function.name or all(form.arguments != each.arguments for each in forms):
                notes.append(
                    f"{form.place} runs {form.command!r:.200}, which stands for {owner} already: for which of the two?"
                )
        clear.append(replace(function, forms=tuple(forms), notes=tuple(dict.fromkeys(notes))))
    return clear


def _settled(parameter: Parameter, bound: Sequence[set[str]], rules: Sequence[Rule]) -> Parameter:
    """Returns a parameter that is required or not: never where a rule leaves it out, which would be an error."""
    required = parameter.required
    if required is None:
        required = all(parameter.name in names for names in bound) if bound else not parameter.default
    missing = next((rule.place for rule in rules if required and parameter.name not in rule.parameters), "")
    note = f"{missing} gives it no value; required: if it must have one" if missing else parameter.note
    description = _told(parameter.description)
    return replace(parameter, required=required and not missing, note=note, description=description)


def _told(text: str) -> str:
    return neutralise(" ".join("".join(c if c.isprintable() else " " for c in text).split()))


def _lost(parameter: Parameter) -> str:
    need = "which it needs, " if parameter.required else ""
    return f"its parameter {parameter.name} is an {parameter.type}, {need}and is left out: tools.yaml has no such type"


def _fault(draft: Drafted) -> str:
    """Returns why tools.yaml cannot hold a function, '' where it can."""
    try:
        _function(draft)
    except ValidationError as error:
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return ""


def _function(draft: Drafted) -> Function:
    return Function.model_validate(as_yaml(draft))


def _judged(functions: Sequence[Drafted], alerts: Sequence[Alert], rules: Sequence[Rule]) -> Findings:
    """Returns what the stage makes of the functions as they are drafted."""
    if not functions:
        return Findings()
    names = {function.name for function in functions}
    tools = Tools.model_validate({"functions": [as_yaml(function) for function in functions]})
    return find_remedies(alerts, tools, Rules([rule for rule in rules if rule.function in names]))


def _chosen(function: Drafted, found: Findings, rules: Sequence[Rule]) -> Chosen:
    taught = [remedy for remedy in found.remedies if remedy.function.name == function.name]
    waiting = [skipped.name for skipped in found.skipped if function.name in _too_dangerous(skipped.passed_over)]
    texts = [remedy.command.text for remedy in taught]
    counts = tuple(_count(replace(function, forms=(form,)), texts) for form in function.forms)
    is_called = any(rule.function == function.name for rule in rules)
    alerts = dict.fromkeys(remedy.alert.name for remedy in taught)
    return Chosen(function, tuple(alerts), tuple(dict.fromkeys(waiting)), counts, is_called=is_called)


def _too_dangerous(found: Sequence[Judged]) -> set[str]:
    """Returns the functions that an alert would call, were they allowed dangerous commands."""
    return {each.function.name for each in found if each.why == "dangerous" and each.function}


def _count(function: Drafted, taught: Sequence[str]) -> int:
    """Returns how many of the commands a function's only form stands for."""
    known = _function(function)
    return sum(commands.match(command, known) is not None for command in taught)


def _with_proposals(chosen: Sequence[Chosen], alerts: Sequence[Alert], runbook: str) -> tuple[list[Chosen], list[Used]]:
    """Returns the functions with the runbook's forms that may be theirs, and the changes that are nobody's."""
    # A function that changes something is not called for a look-up.
    readers = [each for each in chosen if not any(effect(form.command).mutating for form in each.function.forms)]
    proposed: list[tuple[str, Used]] = []
    suggested: list[Used] = []
    for owners, is_change in ((chosen, True), (readers, False)):
        found = _unmatched(runbook_forms.remedies(alerts, is_change), chosen)
        near, left = _near(found, owners, runbook)
        proposed += near
        for used in runbook_forms.forms(left, runbook):
            namesake = next(_namesakes(used, chosen), None)
            proposed += [namesake] if namesake else []
            suggested += [used] if is_change and not namesake else []
    own = {each.function.name: tuple(used for name, used in proposed if name == each.function.name) for each in chosen}
    return [replace(each, proposals=own[each.function.name]) for each in chosen], suggested


def _unmatched(found: Sequence[Taken], chosen: Sequence[Chosen]) -> list[Taken]:
    functions = [_function(each.function) for each in chosen]
    return [each for each in found if all(commands.match(each.command.text, known) is None for known in functions)]


def _near(found: Sequence[Taken], chosen: Sequence[Chosen], runbook: str) -> tuple[list[tuple[str, Used]], list[Taken]]:
    """Returns the forms that differ by flags alone from a function's own, with its name, and the other commands."""
    members: dict[tuple[str, Form], list[Taken]] = {}
    left = []
    for each in found:
        key = next(_near_forms(each, chosen), None)
        if key:
            members.setdefault(key, []).append(each)
        else:
            left.append(each)
    used = [
        (name, Used(replace(form, place=place_in(runbook, own[0].command)), _names(own), own[0].command.text))
        for (name, form), own in members.items()
    ]
    return sorted(used, key=lambda each: (-len(each[1].alerts), each[1].form.command)), left


def _near_forms(found: Taken, chosen: Sequence[Chosen]) -> Iterator[tuple[str, Form]]:
    for each in chosen:
        for form in each.function.forms:
            known = runbook_forms.near(found.command.text, form)
            if known and not _fault(replace(each.function, forms=(known,))):
                yield each.function.name, replace(known, place="")


def _names(found: Sequence[Taken]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.alert for each in found))


def _namesakes(used: Used, chosen: Sequence[Chosen]) -> Iterator[tuple[str, Used]]:
    """Yields the functions without a form whose name's words all begin words of a form: cache-flush, cachectl flush."""
    said = re.findall(r"[a-z0-9]+", _BOUND.sub("", used.form.command).lower())
    for each in chosen:
        words = normal(each.function.name).split("_")
        if each.function.forms or len(words) < 2 or not all(any(own.startswith(w) for own in said) for w in words):
            continue
        for known in (runbook_forms.renamed(used, each.function), runbook_forms.with_last(used, each.function)):
            if known and not _fault(replace(each.function, forms=(known.form,))):
                yield each.function.name, known


def _unknown(found: Findings) -> Iterator[tuple[str, int]]:
    """Yields the names in remedies that stand for no label."""
    counts: dict[str, set[str]] = {}
    for skipped in found.skipped:
        for each in skipped.passed_over:
            values = each.arguments.values() if each.why == "placeholder" else ()
            for known in (p for value in values if isinstance(value, str) for p in placeholders(value)):
                if labels.resolve(known, {}) is None:
                    counts.setdefault(known.name, set()).add(skipped.name)
    yield from sorted(((name, len(names)) for name, names in counts.items()), key=lambda each: (-each[1], each[0]))


def _uncovered(found: Findings) -> Iterator[str]:
    for skipped in found.skipped:
        whys = {each.why for each in skipped.passed_over}
        if skipped.kind == "mistake" and "no function" in whys and not whys & {"placeholder", "doubtful"}:
            yield skipped.name
