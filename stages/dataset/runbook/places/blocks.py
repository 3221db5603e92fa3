"""What a paragraph says of the block of code or the list right behind it, or right before it."""

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import takewhile

from stages.dataset.runbook.places.labels import of_clauses, of_words
from stages.dataset.runbook.places.patterns import patterns_of
from stages.dataset.runbook.places.pointers import of_pointed
from stages.dataset.runbook.places.weighing import CROSSED, REACH, TICKED, netted, shown, weighed, without_callout
from stages.dataset.runbook.standing import MEANT, Standing, first
from stages.dataset.runbook.wording.clauses import GRAMMAR, clauses_of
from stages.dataset.runbook.wording.fragments import named
from stages.dataset.runbook.wording.lexicon import MARK, words_of
from stages.dataset.runbook.wording.passage import Passage, sentences_of
from stages.dataset.runbook.wording.phrases import plainly

_PATTERNS = patterns_of("blocks")
_FOLLOWS = _PATTERNS["follows"]
_TOLD = _PATTERNS["told"]
_POINTS = _PATTERNS["points"]
_RANK = _PATTERNS["rank"]
_BOTH = _PATTERNS["both"]
_GOES_ON = _PATTERNS["goes_on"]
_REFUSAL = _PATTERNS["refusal"]
_UPWARD = "👆☝⬆^↑"
_TALE, _SETTLED = _PATTERNS["tale"], _PATTERNS["settled"]
_POINTS_ALL, _LINE_RANK, _ONLY_RANK = (_PATTERNS[name] for name in ("points_all", "line_rank", "only_rank"))
_AHEAD_TWO = re.compile(r"\bfollowing two\b|\btwo (?:below|that follow)\b", re.IGNORECASE)
_ALL_ABOVE = _PATTERNS["all_above"]
_POINTS_BACK = re.compile(r"\b(?:above|previous|preceding|former)\b", re.IGNORECASE)
_RANK_PARTS = re.compile(r"[;,] +|(?<= )(?:but|while|whereas|so|and) +")
_REPLACED, _NEITHER = _PATTERNS["replaced"], _PATTERNS["neither"]
_SAID_FIRST = _PATTERNS["said_first"]
_AHEAD, _BACK = _PATTERNS["ahead"], _PATTERNS["back"]


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
    sentences = sentences_of(without_callout(plainly(text).strip().rstrip("*_ "))[0]) or [""]
    last = sentences[-1].strip().rstrip("*_ ")
    if text.lstrip("( ")[:1] in _UPWARD:
        return MEANT, last, False
    if TICKED.match(last):
        return MEANT, last, True
    if _TOLD.match(last) and MARK not in last:
        return MEANT, last, True
    if found := CROSSED.match(last):
        return Standing("forbidden", shown(found.group())), last, True
    leads = last.endswith((":", "：")) or last[-1:].isalnum()
    standing = of_clauses(last, leads and not last.endswith((":", "：")))
    if not standing and leads and MARK not in last:
        standing = of_words(last)
    if not standing and len(sentences) > 1 and _POINTS.search(sentences[-2]):
        standing = of_following(last.rstrip(":： ")) or _refused(last)
        leads |= bool(standing)
    if not standing and leads and MARK not in last:
        standing = of_pointed(last.rstrip(":： "))
    if not standing and leads and MARK not in text:
        standing = _of_announced(sentences[-3:-1], last)
    if not standing and leads and _is_tale(last):
        standing = Standing("doubtful", shown(last[:80]))
    sentences = [sentence for sentence in sentences if not _POINTS_BACK.search(sentence)] or [last]
    pointing = [sentence for sentence in sentences[-2:] if _FOLLOWS.search(sentence)]
    near = sentences[-3:] if len(sentences) > 2 and _POINTS_ALL.search(sentences[-3]) else sentences[-2:]
    announcing = next((at for at, each in enumerate(sentences[-4:]) if _AHEAD.search(each)), None)
    near = near if announcing is None else sentences[-4:][announcing:]
    pointing = pointing if announcing is None else near
    if not standing and (pointing or len(near) > 2) and not any(MARK in sentence for sentence in near):
        standing = weighed(Passage().told([each.rstrip(":： ") for each in near], is_ahead=True))
    pointing = pointing or near[:-2]
    leads = leads or bool(pointing) or len(last.split()) <= 2
    return netted(standing, last) if leads and MARK not in last else standing, last, leads


def _of_announced(before: Sequence[str], last: str) -> Standing:
    """Returns the standing by sentences that name what comes before the last one leads on to it."""
    for sentence in before:
        is_verbless = not (GRAMMAR["auxiliaries"] - {"to"}) & {word.text for word in words_of(sentence)}
        if is_verbless and (found := of_words(sentence)):
            return found
        if _AHEAD.search(sentence) and (found := of_clauses(sentence, leads=False)):
            return found
        if is_verbless and any(named(clause) for clause in clauses_of(sentence)[:1]):
            return of_following(last.rstrip(":： "))
    return MEANT


def _is_tale(sentence: str) -> bool:
    """Returns whether a sentence tells of what others do, or once did, and not that it helped."""
    return bool(_TALE.match(sentence)) and not _SETTLED.search(sentence) and MARK not in sentence


def _refused(sentence: str) -> Standing:
    """Returns the standing by a sentence that refuses what the one before asks for."""
    found = _REFUSAL.fullmatch(sentence)
    return Standing("forbidden", shown(found.group())) if found else MEANT


def leads_on(text: str) -> bool:
    """Returns whether a paragraph leads to the list behind it: by a colon, or as it speaks of what follows."""
    text = text.rstrip("*_ ")
    return text.endswith((":", "：")) or any(
        _POINTS.search(each) and not _POINTS_BACK.search(each) for each in sentences_of(text[-REACH:])[-2:]
    )


def speaks_of_all(text: str) -> bool:
    """Returns whether a text begins with words on all of what stands before it: `none of these`, `the above`."""
    return bool(_ALL_ABOVE.match(text)) and not leads_on(text)


def speaks_ahead(sentence: str) -> bool:
    """Returns whether a sentence speaks of what follows."""
    return bool(_AHEAD.search(sentence))


def goes_on(text: str) -> bool:
    """Returns whether a paragraph between two blocks leads from one to the other: `but on no account`."""
    return bool(_GOES_ON.fullmatch(text[:REACH]))


def of_following(text: str) -> Standing:
    """Returns the standing that a text gives to the command right before it: `This makes it worse.`"""
    plain = without_callout(plainly(text[:REACH]))[0].lstrip(_UPWARD + "…( ")
    if replaced := _REPLACED.match(plain) or _NEITHER.match(plain):
        return Standing("forbidden", shown(replaced.group()))
    sentences = _speaking_back(sentences_of(plain))
    found = weighed(Passage().told(sentences))
    unnamed = takewhile(lambda sentence: MARK not in sentence, sentences[:3])
    found = found or first([netted(found, sentence) for sentence in unnamed])
    if not sentences:
        return found
    is_said = text.lstrip("( ")[:1] in _UPWARD or plain.rstrip("*_ )").endswith((".", "!")) or len(plain.split()) <= 6
    is_said = is_said and not sentences[0].rstrip("*_ ").endswith("?")
    is_label = is_said and MARK not in plain and not plain.rstrip("*_ ").endswith((":", "："))
    return found or (of_words(plain) if is_label else MEANT) or of_pointed(" ".join(sentences), is_behind=True)


def _speaking_back(sentences: Sequence[str]) -> list[str]:
    """Returns the sentences that may speak of what stands before them: up to one that leads on to what comes."""
    kept: list[str] = []
    for number, sentence in enumerate(sentences):
        ahead = _AHEAD.search(sentence)
        is_last = number == len(sentences) - 1
        if ahead and not _BACK.search(sentence[: ahead.start()]):
            break
        if is_last and _leads(sentence):
            said = _SAID_FIRST.match(sentence)
            kept += [said["said"]] if said else []
            break
        kept.append(sentence)
    return kept


def _leads(sentence: str) -> bool:
    """Returns whether a sentence is not over where a paragraph ends: `the other one is`, `now run:`."""
    bare = sentence.rstrip("*_ ")
    return bare.endswith((":", "：")) or bare.split(" ")[-1].lower() in GRAMMAR["unfinished"]


def of_following_two(text: str) -> tuple[Standing, Standing]:
    """Returns the standings that a text gives to the two blocks before it: `The first is wrong.`"""
    told: tuple[list[str], list[str]] = ([], [])
    for sentence in (part for each in sentences_of(text[:REACH]) for part in _by_rank(each)):
        found = _RANK.search(sentence)
        if found and _ONLY_RANK.search(sentence) and not of_following(_RANK.sub("it", _ONLY_RANK.sub("it", sentence))):
            told[int(not found["second"])].append("Do not run it.")
            continue
        ranks = (int(bool(found["second"])),) if found else (0, 1) if _BOTH.search(sentence) else (1,)
        for rank in ranks:
            told[rank].append(
                _RANK.sub("it", sentence) if found else _BOTH.sub("it", sentence) if len(ranks) > 1 else sentence
            )
    return of_following(" ".join(told[0])), of_following(" ".join(told[1]))


def _by_rank(sentence: str) -> list[str]:
    """Returns a sentence, or its parts where it speaks of the first and of the second one."""
    parts = _RANK_PARTS.split(sentence)
    is_two = len(parts) > 1 and all(_RANK.search(part) for part in parts[:2])
    return [parts[0], " ".join(parts[1:])] if is_two else [sentence]


def ranks_ahead(text: str) -> bool:
    """Returns whether a text speaks of the first or the second of what stands behind it."""
    return ranks(text) and bool(_AHEAD.search(text[:REACH]) or _AHEAD_TWO.search(text[:REACH]))


def line_ranked(text: str) -> tuple[int, str]:
    """Returns which line of the block above a text speaks of, -1 for the last, and the text with `it` for that.

    0 where it speaks of none.
    """
    found = _LINE_RANK.search(text[:REACH])
    if not found:
        return 0, text
    number = next((int(name[1]) for name in ("n1", "n2", "n3") if found[name]), -1)
    return number, _LINE_RANK.sub("it", text[:REACH])


def ranks(text: str) -> bool:
    """Returns whether a text speaks of the first or the second of what stands before it."""
    return bool(_RANK.search(text[:REACH]))


def _stems(text: str) -> set[str]:
    """Returns how the longer words of a text begin."""
    return {word[:5].lower() for word in re.findall(r"[A-Za-z]{4,}", text)}
