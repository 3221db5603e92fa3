"""What was drafted, as a person reads it: counts, and what there is to decide, with lines."""

from collections import Counter
from collections.abc import Iterator

from shared.errors import one_line
from stages.dataset.adopt.adopt import Adoption
from stages.dataset.adopt.drafted import SOURCES
from stages.dataset.adopt.lines import TODO

MOST = 12  # of anything that is listed


def summary(adoption: Adoption, written: dict[str, str]) -> Iterator[str]:
    """Yields the lines; written: the path that each draft got."""
    for path, text in adoption.texts.items():
        beside = "" if written[path] == path else f", beside {path.rpartition('/')[2]}, which stays as it is"
        yield one_line(f"wrote {written[path]} ({len(text.splitlines())} lines{beside})")
    choice = adoption.choice
    yield f"functions  {len(choice.active)} of {len(choice.active) + len(choice.others)}: {_sources(adoption)}"
    forms = sum(len(each.function.forms) for each in choice.active)
    proposed = sum(len(each.proposals) for each in choice.active)
    yield f"commands   {forms} forms, {proposed} more proposed for them, {len(choice.suggested)} that are no function's"
    where = f"{len(adoption.runbooks)} pages" if len(adoption.runbooks) > 1 else "".join(adoption.runbooks) or "no runbook"
    waiting = len({alert for each in choice.active for alert in each.waiting})
    yield one_line(
        f"alerts     {choice.taught} of {choice.alerts} would be taught a call ({where}); {waiting} wait for dangerous: true, "
        f"{len(choice.uncovered)} for a function"
    )
    yield f"manifests  {len(adoption.fields)} fields hold a model, {len(adoption.unreached)} patches set it out of reach"
    yield from _decisions(adoption, written)
    yield from _listed("left out", adoption.unread)
    yield from _listed("lint will say", adoption.faults)


def _sources(adoption: Adoption) -> str:
    counts = Counter(source for each in adoption.choice.active for source in each.function.all_sources)
    return ", ".join(f"{counts[source]} by {source}" for source in SOURCES if counts[source]) or "none"


def _decisions(adoption: Adoption, written: dict[str, str]) -> Iterator[str]:
    found = [
        f"{written[path].rpartition('/')[2]}, line {number}: {line.partition(TODO)[2].strip()}"
        for path, text in adoption.texts.items()
        for number, line in enumerate(text.splitlines(), 1)
        if f"# {TODO} " in line
    ]
    yield from _listed("to decide", found)


def _listed(what: str, found: object) -> Iterator[str]:
    entries = list(found) if isinstance(found, list | tuple) else []
    if entries:
        yield f"{what} ({len(entries)}):"
    for entry in entries[:MOST]:
        yield f"  {one_line(entry):.200}"
    if len(entries) > MOST:
        yield f"  and {len(entries) - MOST} more"
