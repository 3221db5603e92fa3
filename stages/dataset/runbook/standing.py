"""Whether a runbook means a command: what it forbids, or leaves in doubt, teaches nothing.

The words that decide stand around the command: in its sentence and in those beside it that speak of it, in the line
that leads to its block or list, in its heading, in its row of a table, in a comment of its block, or it is struck
through. Each clause is judged by itself (wording/), and what all say that speak of the command is weighed here.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from stages.dataset.runbook.wording.clauses import clauses_of
from stages.dataset.runbook.wording.fragments import is_waiting, named, remarks_ahead
from stages.dataset.runbook.wording.lexicon import MARK, TARGET, spans_of, words_of
from stages.dataset.runbook.wording.net import unexplained
from stages.dataset.runbook.wording.passage import CROSSES, TICKS, Evidence, Passage, sentences_of
from stages.dataset.runbook.wording.phrases import judged_by_label, plainly
from stages.dataset.runbook.wording.reference import spoken_of
from stages.dataset.runbook.wording.remarks import (
    DOUBTS,
    FORBADE,
    FORBIDS,
    HARMS,
    HINTS,
    LIFTS,
    MEANS,
    ORDERS,
    RISKS,
    SUGGESTS,
    TOUCHES,
    UNCLEAR,
    remarks_on,
)

Kind = Literal["meant", "forbidden", "doubtful"]


@dataclass(frozen=True)
class Standing:
    """What is to be thought of a command. words: those that decided; line: where they stand. A meant one has none."""

    kind: Kind = "meant"
    words: str = ""
    line: int = 0

    def __bool__(self) -> bool:
        """Returns whether anything speaks against the command."""
        return self.kind != "meant"

    def at(self, line: int) -> "Standing":
        """Returns the same, decided at a line of the file."""
        return replace(self, line=line) if self.words else self


MEANT = Standing()
REACH = 600  # characters around a command, and no more than LINES above it, in which words about it are looked for
LINES = 40
_SOFT = "🔴☠💀✋\ufe0f"
_CROSSED, _TICKED = re.compile(rf"^\W*?[{CROSSES}]"), re.compile(rf"^\W*?[{TICKS}]")
_CALLOUT = re.compile(
    rf"^\W*(?:(?:!!!|\.\.)\s+(?P<admonition>\w+)\b(?:::)?|\[!(?P<marked>\w+)\]|(?P<named>warning|caution|"
    rf"danger|attention|note|important|tip)\b\W*?(?:[:：]|\n|$|[ ](?=(?-i:[A-Z])|[{MARK}{TARGET}])))\W*?\s*",
    re.IGNORECASE,
)
_WARNS = {"caution", "warning", "danger", "attention"}
_GROUP = re.compile(
    rf"[{MARK}{TARGET}](?:\s*(?:,\s*(?:and|or|nor)?|/|&|\+|and(?:\s+then)?|or|nor)\s*[{MARK}{TARGET}])+"
)
_LISTED = re.compile(r"\b(?:and|or|nor)\b|/|&|\+")
_ANSWER = re.compile(
    r"^\W*(?:(?P<no>not (?:needed|required|necessary)|no|none|never|nope|not|n/a)|yes|always|yep)\b(?=\W|"
    r"$)(?!\s+(?!never|forbidden)\w)",
    re.IGNORECASE,
)
_FOLLOWS = re.compile(r"\b(?:this|these|the following|below)\b", re.IGNORECASE)

_TOLD = re.compile(
    r"(?:\W*|.*[,;—-] ?(?=only|but|just|instead|rather|so|then|and))(?:please |just |now |then |"
    r"instead,? |rather |so |and |only |but )*"
    r"(?:(?:run|use|execute|type|do|try|take|enter|paste|apply|offer)\b"
    r"(?: (?!not\b|never\b|any\b|none\b|no\b)\w+){0,3}? (?:this|the following|these|the (?:next|block|command) \w*)|"
    r"\W*(?:this|these|this one)(?: is| are| does| do| helps| works)?)(?: instead| command| one| block)?\W*$",
    re.IGNORECASE,
)
_POINTS = re.compile(
    r"\b(?:(?:this|the|that|these) (?:next |following )?(?:command|block|one|step|snippet|line|"
    r"script)s?\b|the following|"
    r"the next|below|(?:see|find|read|hear|meet|met) (?:this|these)\b|(?:for|with|of|by) (?:this|these)\b)",
    re.IGNORECASE,
)
_TELLS_WHEN = re.compile(
    r"\b(?:symptom|alert|if|when|problem|situation|condition|observation|scenario|signal|cause|error|"
    r"meaning|severity|trigger|question|issue|case)s?\b|wrong",
    re.IGNORECASE,
)
_NEVER = re.compile(
    r"\W*(?:never|not ever|at no time|under no circumstances|nobody|no longer|not any ?more)\b(?! \w+ \w+)",
    re.IGNORECASE,
)
_EDITS = re.compile(
    r"\b(?:delet\w+|remov\w+|renam\w+|mov\w+|edit\w*|reformat\w*|translat\w+|reorder\w*|merg\w+|"
    r"shorten\w*|restor\w+|chang\w+|"
    r"break\w*|updat\w+|generat\w+|sort\w*)\s+(?:\w+\s+){0,2}?(?:this|these|that|the|it|by hand|manually|"
    r"section|step|page|link|heading|anchor)\b|"
    r"\b(?:screenshots?|images?|graphs?|diagrams?|headings?|anchors?|lint\w*|toc|axis|markdown\w*|"
    r"prettier\S*|typos?)\b",
    re.IGNORECASE,
)
_RANK = re.compile(
    r"\b(?:the |this )?(?:(?P<first>first|upper|former|1st)|(?P<second>second|lower|latter|"
    r"2nd))\b(?! (?:time|step|line|run|pod|node|shard))"
    r"(?: (?:one|block|command|snippet))?(?: of (?:the|these) (?:two|above)(?: \w+)?(?: above)?| of them| above)?",
    re.IGNORECASE,
)
_BOTH = re.compile(
    r"\b(?:both|either|all|none|neither)(?: of (?:these|them|the above|the two))?(?: (?:blocks|commands))?\b",
    re.IGNORECASE,
)
_BEGINS = re.compile(r"^\W*(?:begin|start)\w*(?: of)?\b\W*", re.IGNORECASE)
_UPWARD = re.compile(r"[#\s]*[\^↑]|[#\s]*(?:the )?(?:line|command|one) above\b", re.IGNORECASE)
_GOES_ON = re.compile(r"\W*(?:but|and|then|or)\b[^.!?:)]*[\w,:][*_\s]*$", re.IGNORECASE)
_REFUSAL = re.compile(
    r"\W*(?:please |always |politely )*(?:refuse|decline|say no|no|never|don['’]?t|do not|resist|"
    r"reject it|turn it down|"
    r"do not give in|don['’]?t give in)\b\W*",
    re.IGNORECASE,
)


def of_inline(text: str, at: int, behind: str = "") -> Standing:
    """Returns the standing of the inline code whose MARK is at a place of a paragraph's text.

    behind: the text of the paragraph right behind it.
    """
    return _around(text[max(0, at - REACH) : at] + TARGET + text[at + 1 : at + REACH], behind[:REACH])[0]


def is_told(text: str, at: int, behind: str = "") -> bool:
    """Returns whether more than the command's name tells that it is to be run: `nothing but it helps, so do it`."""
    return _around(text[max(0, at - REACH) : at] + TARGET + text[at + 1 : at + REACH], behind[:REACH])[1]


@lru_cache(maxsize=64)
def _around(text: str, behind: str) -> tuple[Standing, bool]:
    """Returns the standing of TARGET in a paragraph, and whether it is told to be run."""
    rank = _rank(text)
    text, warns = _without_callout(plainly(_grouped(text)))
    sentences = sentences_of(text)
    own = next(number for number, sentence in enumerate(sentences) if TARGET in sentence)
    if _TICKED.match(sentences[own]):
        return MEANT, True
    after = sentences[own + 1 :] or sentences_of(plainly(behind))
    evidence = Passage(rank).read(sentences[max(0, own - 2) : own], sentences[own], after)
    found = _CROSSED.match(sentences[own]) or (_CROSSED.match(after[0]) if after and MARK not in after[0] else None)
    if found and not _is_state(found.group(), sentences[own], evidence.is_ordered):
        return Standing("forbidden", _shown(found.group())), False
    standing = _weighed(evidence, warns)
    is_told = evidence.is_ordered or any(said in (MEANS, ORDERS, LIFTS) for said, _ in evidence.said)
    about = [sentence for sentence in (sentences[own], *after[:1]) if MARK not in sentence]
    if not is_told:
        standing = first([standing, *(_netted(standing, sentence) for sentence in about)])
    return standing, not standing and is_told


def _is_state(sign: str, sentence: str, is_ordered: bool) -> bool:
    """Returns whether a sign is no verdict on the command, but on what stands between them: `❌ not ready: run it`."""
    between = sentence.split(TARGET)[0].lstrip(sign)
    if len(between.split()) <= 2:
        return False
    return is_ordered or (sign.strip()[-1:] in _SOFT and not of_label(between.rstrip(":： ")))


def _rank(text: str) -> int:
    """Returns 1 or 2 for the first and the second of two commands in a sentence; 0 for one alone, or of more."""
    own = next(sentence for sentence in sentences_of(text) if TARGET in sentence)
    named = [sign for sign in own if sign in (MARK, TARGET)]
    return named.index(TARGET) + 1 if len(named) == 2 else 0


def _without_callout(text: str) -> tuple[str, bool]:
    """Returns a text without the word that marks it as a note or a warning, and whether it warns."""
    found = _CALLOUT.match(text)
    if not found:
        return text, False
    return text[found.end() :], (found["marked"] or found["named"] or found["admonition"]).lower() in _WARNS


def _grouped(text: str) -> str:
    """Returns a text with one TARGET for it and the commands that are named in one breath with it."""

    def one(found: re.Match[str]) -> str:
        is_group = _LISTED.search(found.group()) or not re.match(r"\s*\w", text[found.end() :])
        return (TARGET if TARGET in found.group() else MARK) if is_group else found.group()

    return _GROUP.sub(one, text)


def _weighed(evidence: Evidence, warns: bool = False) -> Standing:
    """Returns the standing by what is said of a command. warns: whether it is said in a warning."""
    found = dict(reversed(evidence.said))
    if LIFTS in found:
        return MEANT
    verdicts = [verdict for verdict, _ in evidence.said]
    is_revoked = FORBADE in verdicts and {ORDERS, MEANS} & set(verdicts[verdicts.index(FORBADE) :])
    if FORBADE in found and not is_revoked:
        return Standing("forbidden", _shown(found[FORBADE]))
    if FORBIDS in found or (HARMS in found and not evidence.is_ordered):
        return Standing("forbidden", _shown(found.get(FORBIDS) or found.get(HARMS) or "not"))
    if DOUBTS in found:
        return Standing("doubtful", _shown(found[DOUBTS]))
    if evidence.is_ordered or ORDERS in found:
        return MEANT
    return _unordered(evidence, found, warns)


def _unordered(evidence: Evidence, found: dict[str, str], warns: bool) -> Standing:
    """Returns the standing of a command that nothing forbids, and that no sentence tells to run."""
    verdicts = [verdict for verdict, _ in evidence.said]
    if RISKS in verdicts and MEANS not in verdicts[verdicts.index(RISKS) :]:
        return Standing("doubtful", _shown(found[RISKS]))
    if MEANS in found or SUGGESTS in found:
        return MEANT
    hint = found.get(TOUCHES) or found.get(HINTS)
    if hint and (warns or evidence.is_passed_over):
        return Standing("doubtful", _shown(hint))
    if UNCLEAR in found or evidence.is_reported:
        return Standing("doubtful", _shown(found.get(UNCLEAR) or "said by others"))
    return Standing("doubtful", "another one is chosen") if evidence.is_second else MEANT


def _netted(standing: Standing, text: str) -> Standing:
    """Returns the standing, or doubt where a text judges what it speaks of in words that gave no standing."""
    words = "" if standing else unexplained(text)
    return Standing("doubtful", _shown(words)) if words else standing


def of_lead(text: str, command: str) -> Standing:
    """Returns the standing that a paragraph gives to the block or list right behind it.

    Its last sentence counts: where it leads on with a colon or speaks of what follows, as said of that, else only
    where what it forbids is what the command does.
    """
    found, last, is_sure = _of_last_sentence(text[-REACH:])
    return found if is_sure or (found and _stems(last) & _stems(command)) else MEANT


@lru_cache(maxsize=64)  # a block may hold thousands of commands
def _of_last_sentence(text: str) -> tuple[Standing, str, bool]:
    """Returns the standing by a paragraph's last sentence, the sentence, and whether it speaks of what comes behind."""
    sentences = sentences_of(_without_callout(plainly(text).strip().rstrip("*_ "))[0]) or [""]
    last = sentences[-1].strip().rstrip("*_ ")
    if _TICKED.match(last):
        return MEANT, last, True
    if _TOLD.match(last) and MARK not in last:
        return MEANT, last, True
    if found := _CROSSED.match(last):
        return Standing("forbidden", _shown(found.group())), last, True
    leads = last.endswith((":", "：")) or last[-1:].isalnum()
    standing = _of_clauses(last, leads and not last.endswith((":", "：")))
    if not standing and leads and MARK not in last:
        standing = _of_words(last)
    if not standing and len(sentences) > 1 and _POINTS.search(sentences[-2]):
        standing = of_following(last.rstrip(":： ")) or _refused(last)
        leads |= bool(standing)
    pointing = [sentence for sentence in sentences[-2:] if _FOLLOWS.search(sentence)]
    if not standing and pointing and not any(MARK in sentence for sentence in sentences[-2:]):
        standing = _weighed(Passage().told([each.rstrip(":： ") for each in sentences[-2:]], is_ahead=True))
    leads = leads or bool(pointing) or len(last.split()) <= 2
    return _netted(standing, last) if leads and MARK not in last else standing, last, leads


def _refused(sentence: str) -> Standing:
    """Returns the standing by a sentence that refuses what the one before asks for."""
    found = _REFUSAL.fullmatch(sentence)
    return Standing("forbidden", _shown(found.group())) if found else MEANT


def _of_clauses(text: str, leads: bool) -> Standing:
    """Returns what the clauses of a line say of the commands behind it. leads: whether it goes on with the command."""
    evidence, is_named = Evidence(), False
    clauses = clauses_of(text)
    for clause in clauses:
        if MARK in clause.texts:
            continue
        is_last = clause is clauses[-1] and (leads or (text.endswith(":") and is_waiting(clause)))
        about = spoken_of(clause) if is_named and clause.kind != "condition" else None
        said = (remarks_on(about) if about else remarks_ahead(clause, is_last, text.endswith(":"))).said
        evidence.add(text, [remark for remark in said if remark.verdict != UNCLEAR])
        is_named = is_named or named(clause) is not None
    return _weighed(evidence)


@lru_cache(maxsize=1024)  # most alerts have the same sections
def of_label(text: str) -> Standing:
    """Returns the standing that a heading, a bold label or the head of a table's column gives to what is below it."""
    text = plainly(text[:REACH])
    if found := _CROSSED.match(text):
        return Standing("forbidden", _shown(found.group()))
    return MEANT if _TICKED.match(text) else _netted(_of_clauses(text, leads=False) or _of_words(text), text)


def _of_words(text: str) -> Standing:
    """Returns the standing that a label gives which is no sentence: `Common mistakes`."""
    judged = judged_by_label(text)
    return Standing(judged[0], _shown(judged[1][:60])) if judged else MEANT


def leads_on(text: str) -> bool:
    """Returns whether a paragraph leads to the list behind it: by a colon, or as it speaks of what follows."""
    text = text.rstrip("*_ ")
    return text.endswith((":", "：")) or any(_POINTS.search(each) for each in sentences_of(text[-REACH:])[-2:])


def of_following_two(text: str) -> tuple[Standing, Standing]:
    """Returns the standings that a text gives to the two blocks before it: `The first is wrong.`"""
    told: tuple[list[str], list[str]] = ([], [])
    for sentence in sentences_of(text[:REACH]):
        found = _RANK.search(sentence)
        ranks = (int(bool(found["second"])),) if found else (0, 1) if _BOTH.search(sentence) else (1,)
        for rank in ranks:
            told[rank].append(
                _RANK.sub("it", sentence) if found else _BOTH.sub("it", sentence) if len(ranks) > 1 else sentence
            )
    return of_following(" ".join(told[0])), of_following(" ".join(told[1]))


def ranks(text: str) -> bool:
    """Returns whether a text speaks of the first or the second of what stands before it."""
    return bool(_RANK.search(text[:REACH]))


def goes_on(text: str) -> bool:
    """Returns whether a paragraph between two blocks leads from one to the other: `but on no account`."""
    return bool(_GOES_ON.fullmatch(text[:REACH]))


def of_cell(head: str, text: str) -> Standing:
    """Returns the standing that another cell of its row, below a head, gives to the commands of a cell."""
    if _TELLS_WHEN.search(head):
        return Standing("forbidden", _shown(text)) if _NEVER.match(text) else MEANT
    if answer := _ANSWER.match(text):
        return _answered(head, answer)
    return (
        of_label(text)
        or _weighed(Passage().told(sentences_of(plainly(text[:REACH])), is_note=True))
        or _netted(_of_outcome(text), text)
    )


def _of_outcome(text: str) -> Standing:
    """Returns the standing that a few words give that name what went wrong: `two hours of downtime`."""
    spans = spans_of([word.text for word in words_of(text[:REACH])])
    found = next((span for span in spans if "calamity" in span.families), None)
    if found is None or len(text.split()) > 8 or any(span.families & {"not", "without", "innocent"} for span in spans):
        return MEANT
    return Standing("doubtful", _shown(text[:40]))


def _answered(head: str, answer: re.Match[str]) -> Standing:
    """Returns the standing by `yes` or `no` under a head that asks."""
    families = {family for span in spans_of([word.text for word in words_of(head)]) for family in span.families}
    is_against = bool(families & {"bad", "risk", "harm", "restricted", "shun", "need", "gone", "reserve"})
    is_for = bool(families & {"good", "run", "please", "proof"}) or not head.strip()
    is_refused = (answer["no"] is not None and is_for and not is_against) or (answer["no"] is None and is_against)
    if is_refused:
        return Standing("forbidden" if is_for else "doubtful", _shown(answer.group()))
    rest = answer.string[answer.end() :]
    return of_cell(head, rest) if re.search(r"\w", rest) and answer["no"] is None else MEANT


def of_comment(text: str) -> Standing:
    """Returns the standing that a comment of a block gives to the command below it."""
    text = plainly(text[:REACH].rstrip(":： "))
    return of_label(text) or _weighed(Passage().told(sentences_of(text), is_loose=True))


def of_note(text: str) -> Standing:
    """Returns the standing that a comment gives to the command on its line, of which it may speak without a subject."""
    return of_comment(text) or _weighed(Passage().told(sentences_of(plainly(text[:REACH])), is_note=True))


def of_place(lines: Sequence[str], number: int) -> Standing:
    """Returns the standing that comments give to the command in a line of a block: behind it, or nearest above it.

    Its `line` counts from 1 within the block. A comment speaks of what follows it, up to a blank line.
    """
    behind = re.search(r"\s#+\s*(?P<text>\D.*)$", lines[number][:REACH])
    if behind and (found := of_note(behind["text"])):
        return found.at(number + 1)
    below = lines[number + 1].strip() if number + 1 < len(lines) else ""
    if below.startswith("#") and _UPWARD.match(below) and (found := of_note(below.lstrip("# ^↑"))):
        return found.at(number + 2)
    for above, line in _comments_above(lines, number):
        if found := of_comment(line.lstrip("# ")):
            return found.at(above + 1)
    return MEANT


def _comments_above(lines: Sequence[str], number: int) -> Iterator[tuple[int, str]]:
    """Yields the nearest comment above a line of a block, from its last line up, with the lines' numbers."""
    is_within = False
    for above in range(number - 1, max(-1, number - LINES), -1):
        line = lines[above].strip()
        if line.startswith("#"):
            is_within = True
            yield above, line
        elif is_within or not line:
            return


def of_hidden(text: str) -> Standing:
    """Returns the standing that a comment of the page gives to what stands below it: none where it is for editors."""
    if MARK in text or _EDITS.search(text):
        return MEANT
    return of_comment(_BEGINS.sub("", text))


def of_following(text: str) -> Standing:
    """Returns the standing that a text gives to the command right before it: `This makes it worse.`"""
    plain = _without_callout(plainly(text[:REACH]))[0].lstrip("👆☝⬆^↑( ")
    found = _weighed(Passage().told(sentences_of(plain)))
    found = found or (_netted(found, sentences_of(plain)[0]) if plain and MARK not in plain else MEANT)
    is_said = plain.rstrip("*_ )").endswith((".", "!")) or len(plain.split()) <= 6
    is_label = is_said and MARK not in plain and not plain.rstrip("*_ ").endswith((":", "："))
    return found or (_of_words(plain) if is_label else MEANT)


def first(found: Sequence[Standing]) -> Standing:
    """Returns the first that forbids, else the first in doubt, else MEANT."""
    return next((each for kind in ("forbidden", "doubtful") for each in found if each.kind == kind), MEANT)


def _stems(text: str) -> set[str]:
    """Returns how the longer words of a text begin."""
    return {word[:5].lower() for word in re.findall(r"[A-Za-z]{4,}", text)}


def _shown(words: str) -> str:
    return " ".join(words.replace(MARK, "…").replace(TARGET, "…").split()).strip(" ,;:-—–")
