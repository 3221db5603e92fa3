"""What was drafted, as a person reads it: counts, and what there is to decide, with lines."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import takewhile

from shared.errors import one_line, printable
from stages.dataset.adopt.adopt import Adoption
from stages.dataset.adopt.drafted import SOURCES
from stages.dataset.adopt.lines import TODO

MOST = 12  # of anything that is listed


def summary(adoption: Adoption, written: dict[str, str], faults: Sequence[str]) -> Iterator[str]:
    """Yields the lines; written: the path that each draft got. faults: what is wrong with the agent's files now."""
    for path, text in adoption.texts.items():
        beside = "" if written[path] == path else f", beside {path.rpartition('/')[2]}, which stays as it is"
        yield one_line(f"wrote {written[path]} ({len(text.splitlines())} lines{beside})")
    yield from (printable(line) for line in _counts(adoption))
    yield from _decisions(adoption, written)
    yield from _listed("left out", adoption.unread)
    if not adoption.choice.active:
        yield "no tools.yaml: there is no function, and no command in a runbook that changes anything"
    yield from _listed("lint says", faults)


def _counts(adoption: Adoption) -> Iterator[str]:
    choice = adoption.choice
    forms = sum(len(each.function.forms) for each in choice.active)
    proposed = sum(len(each.proposals) for each in choice.active)
    waiting = len({alert for each in choice.active for alert in each.waiting})
    pages = adoption.runbooks
    where = f"{len(pages)} pages" if len(pages) > 1 else "".join(pages) or "no runbook"
    yield f"functions  {len(choice.active)} of {len(choice.active) + len(choice.others)}: {_sources(adoption)}"
    yield f"commands   {forms} forms, {proposed} more proposed for them, {len(choice.suggested)} that are no function's"
    yield f"alerts     {choice.taught} of {choice.alerts} would be taught a call ({where});"
    yield f"           {waiting} wait for dangerous: true, {len(choice.uncovered)} for a function"
    found = adoption.manifests
    hidden = f"{len(found.unreached)} patches hide one; {len(found.overlays)} overlays"
    yield f"manifests  {len(found.fields)} fields hold a model; {hidden}"


def _sources(adoption: Adoption) -> str:
    counts = Counter(source for each in adoption.choice.active for source in each.function.all_sources)
    return ", ".join(f"{counts[source]} by {source}" for source in SOURCES if counts[source]) or "none"


def _decisions(adoption: Adoption, written: dict[str, str]) -> Iterator[str]:
    found = [
        f"{written[path].rpartition('/')[2]}, line {line}: {said}"
        for path, text in adoption.texts.items()
        for line, said in decisions(text)
    ]
    yield from _listed("to decide", found)


def decisions(text: str) -> Iterator[tuple[int, str]]:
    """Yields the line, from 1, and the words of each place of a draft that is marked for a person."""
    lines = text.splitlines()
    for number, line in enumerate(lines):
        before, mark, said = line.partition(f"# {TODO} ")
        if not mark:
            continue
        following = [] if before.strip() else takewhile(partial(_goes_on, before), lines[number + 1 :])
        rest = [more[len(before) + 2 :] for more in following]
        yield number + 1, " ".join([said, *rest])


def _goes_on(before: str, line: str) -> bool:
    """Returns whether a line is a comment that goes on, and no YAML to be had by taking the mark away."""
    return re.match(rf"{before}# (?!- |\w+:$|{TODO} )\S", line) is not None


def _listed(what: str, entries: Sequence[str]) -> Iterator[str]:
    if entries:
        yield f"{what} ({len(entries)}):"
    for entry in entries[:MOST]:
        yield f"  {one_line(entry):.400}"
    if len(entries) > MOST:
        yield f"  and {len(entries) - MOST} more"
