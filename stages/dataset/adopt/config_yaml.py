"""A draft of training/config.yaml: the fields that follow the model, and what a person has to settle."""

from collections.abc import Iterator, Sequence

from shared.agent_config import deployment
from shared.errors import StageError
from stages.dataset.adopt.deployment import Manifests, ModelField, Unreached
from stages.dataset.adopt.lines import TODO, as_comment, comment, remark, value


def config_yaml(agent: str, manifests: Manifests, runbook: str = "") -> str:
    """Returns the file's text. runbook: its path, or its pages', where it is not in the usual place."""
    return "\n".join((*_lines(agent, manifests, runbook), ""))


def _lines(agent: str, manifests: Manifests, runbook: str) -> Iterator[str]:
    fields = manifests.fields
    yield from comment("Drafted by `make adopt`. A key left out takes the default of the stage it is for.")
    if runbook:
        yield f"runbook_path: {value(runbook)}"
    yield "training: {}"
    yield "gate:"
    yield f"  minimum_accuracy: 0.8{remark(f'{TODO} the least share of right answers that may be published')}"
    yield "deploy:"
    merges = f"{TODO} {deployment.PUSH}: to the branch that is rolled out; branch, pull-request: a person merges it"
    yield f"  mode: {deployment.PUSH}{remark(merges)}"
    yield from _fields(agent, [each for each in fields if _fault(each) == ""])
    for each in fields:
        if fault := _fault(each):
            yield from comment(f"{TODO} {each.file}: {each.field} holds a model, and no bump can write it: {fault}", 2)
    yield from _unreached(manifests.unreached)
    yield from _overlays(manifests.overlays)
    yield from comment(f"{TODO} when is it trained by itself? In UTC:")
    yield as_comment("schedule:")
    yield as_comment('  cron: "0 2 * * 0"')


def _fields(agent: str, fields: Sequence[ModelField]) -> Iterator[str]:
    own, others = [each for each in fields if each.is_own], [each for each in fields if not each.is_own]
    if not own:
        yield from comment(f"{TODO} no manifest names a model of {agent} yet; MODEL_VERSION alone is bumped", 2)
    if own:
        yield "  fields:"
    for each in own:
        yield from _field(each)
    if others:
        yield from comment(f"{TODO} another model today; are these to ask for the agent's own?", 2)
        lines = [line for each in others for line in _field(each)]
        yield from (as_comment(line, 2) for line in (lines if own else ["  fields:", *lines]))


def _field(each: ModelField) -> Iterator[str]:
    yield f"    - file: {value(each.file)}"
    yield f"      field: {value(each.field)}{remark(f'{each.now:.80} today')}"
    yield f"      value: {value(each.value)}"


def _fault(field: ModelField) -> str:
    """Returns why config.yaml cannot name a field, '' where it can."""
    try:
        deployment.check_file(field.file)
        deployment.check_field(field.field)
        deployment.check_value(field.value)
    except StageError as error:
        return str(error)
    return ""


def _unreached(unreached: Sequence[Unreached]) -> Iterator[str]:
    for each in unreached:
        said = f"{TODO} {each.place}, sets {each.path} to {each.now:.80} in a patch, which no bump reaches."
        yield from comment(f"{said} Take it out: the file is not below the agent's folder.", 2)


def _overlays(overlays: Sequence[str]) -> Iterator[str]:
    if overlays:
        yield from comment("Rendered before each push: one that is to keep another model is to be taken out.", 2)
        yield "  overlays:"
    for each in overlays:
        yield f"    - {value(each)}"
