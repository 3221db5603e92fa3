"""Inline code that a person is to run, apart from what is merely mentioned."""

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate

from markdown_it.token import Token

from stages.dataset.runbook.commands import evidence
from stages.dataset.runbook.places.sentences import is_told, of_inline
from stages.dataset.runbook.standing import Standing, first
from stages.dataset.runbook.visible import shown, struck, told

_PROMPT = re.compile(r"^\$\s+")
_ASKED = re.compile(
    r"\b(?:run|running|execute|executing|issue|type|use|using|try|via|with|by|command|enter|invoke|do|check)\b[^.]{0,25}[:：]?\W{0,3}$",
    re.IGNORECASE,
)
_FORBIDDEN = re.compile(
    r"(?:\b(?:do not|don't|never|instead of|rather than|avoid|cannot|can't|not|unlike|equivalent to|same as)"
    r"\s+(?:\w+\s+){0,2})\W{0,2}$",
    re.IGNORECASE,
)
_NEGATED = re.compile(r"\b(?:do not|don['’]t|never|avoid|not only|not to)\s+(?:\w+\s+){0,2}\W{0,2}$", re.IGNORECASE)
_OUTCOME = re.compile(r"\s(?:failed|fails|denied|refused|timed out|not found|error)$", re.IGNORECASE)
_MENTIONED = re.compile(
    r"^\W{0,2}\s*(?:(?:commands?|output|tool|binary|cli|call|calls|process|processes|subcommand|flag|option|requests?|operations?|job|jobs)\b\s*"
    r"(?:will|would|is|are|was|were|has|have|can|may|might|should|does|fails?|failed|returns?|did|hangs?|times?|that|which)?\b"
    r"|(?:will|would|won't|is|are|was|were|has|have|had|can't|cannot|may|might|fails?|failed|hangs?|times out"
    r"|doesn't|does not|did)\b)",
    re.IGNORECASE,
)
_WEAK_MENTION = re.compile(
    r"^\W{0,2}\s*(?:commands?|output)\b(?!\s*(?:will|would|is|are|was|were|has|fail))", re.IGNORECASE
)


def inline_commands(paragraph: Token, line: int, behind: str = "") -> Iterator[tuple[str, int, Standing]]:
    """Yields the inline code that a person is to run, its line and its standing. Nothing says that it is whole.

    line: of the paragraph's beginning. behind: the text of the paragraph right behind it.
    """
    children = paragraph.children or []
    texts = [shown(child) for child in children]
    parts = list(told(children))
    whole, starts = "".join(parts), [0, *accumulate(map(len, parts))]
    against = _said_elsewhere(children, whole, starts, behind)
    for index, (child, is_struck) in enumerate(zip(children, struck(children), strict=True)):
        line += child.type in ("softbreak", "hardbreak")
        is_prompted = child.content.startswith("$ ")
        text = _PROMPT.sub("", " ".join(child.content.split()))
        if child.type != "code_inline" or not _is_command(text, is_prompted):
            continue
        standing = Standing("forbidden", "struck through") if is_struck else of_inline(whole, starts[index], behind)
        standing = standing or against.get(child.content, standing)
        before = "".join(texts[max(0, index - 8) : index])[-80:]
        after = "".join(texts[index + 1 : index + 8])[:60]
        if not standing:
            before = _NEGATED.sub("", before)  # it tells how things are, or not to wait, and names no command to avoid
        is_meant = not is_struck and is_told(whole, starts[index], behind)
        if is_run(text, before, after, is_prompted, is_meant):
            yield text, line, standing.at(line)


def _said_elsewhere(children: Sequence[Token], whole: str, starts: Sequence[int], behind: str) -> dict[str, Standing]:
    """Returns by its text what forbids a command that a paragraph names more than once, and nowhere tells to run."""
    places: dict[str, list[int]] = {}
    for index, (child, is_struck) in enumerate(zip(children, struck(children), strict=True)):
        if child.type == "code_inline" and not is_struck:
            places.setdefault(child.content, []).append(starts[index])
    found = {}
    for text, named in places.items():
        said = [of_inline(whole, at, behind) for at in named] if len(named) > 1 else []
        if any(said) and not any(is_told(whole, at, behind) for at in named):
            found[text] = first(said)
    return found


def is_run(text: str, before: str, after: str, prompted: bool = False, told: bool = False) -> bool:
    """Returns whether inline code is a command to run. before, after: the sentence around it.

    told: whether the sentences around it tell to run it, so that it is more than mentioned.
    """
    words = evidence.words_of(text)
    if not words or not _is_command(text, prompted):
        return False
    is_specific = len(words) >= 4 or bool(re.search(r"\s-|[<${|]", text))
    if told and is_specific:
        return True
    if _FORBIDDEN.search(before):
        return False
    name = evidence.program_of(text)
    if len(words) == 1:
        stands_alone = name in evidence.ALONE or "/" in words[0] or text.startswith("sudo ")
        return stands_alone and bool(_ASKED.search(before))
    if _is_verb_alone(name, words):
        return False
    mention = _MENTIONED.match(after)
    if not mention:
        return True
    return is_specific and bool(_WEAK_MENTION.match(after) or _ASKED.search(before))


def _is_verb_alone(name: str, words: Sequence[str]) -> bool:
    """Returns whether `kubectl logs` and its like are named without what they are to act on."""
    arguments = [word for word in words[1:] if not word.startswith("-")]
    if name not in evidence.NEEDS_OBJECT:
        return False
    return not arguments or (len(words) == 2 and words[1] in evidence.OBJECT_VERBS)


def _is_command(text: str, prompted: bool) -> bool:
    if text.endswith((":", "...")) or _OUTCOME.search(text):
        return False
    if evidence.is_query(text) or evidence.is_sql(text):
        return False
    if re.match(r"(?:export\s+)?[A-Z_]\w*=\S", text) and evidence.is_assignment(text):
        return text.startswith("export ")
    return prompted or text.startswith("sudo ") or evidence.is_known_command(text) or evidence.has_options(text)


def inline_queries(paragraph: Token) -> Iterator[str]:
    """Yields the inline code of a paragraph that is PromQL or LogQL with more than a metric's name."""
    for child in paragraph.children or []:
        text = " ".join(child.content.split()) if child.type == "code_inline" else ""
        if evidence.is_query(text) and re.search(r"[({\[]", text):
            yield text
