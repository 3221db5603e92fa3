"""What all that is said of a command comes to: forbidden, in doubt, or meant."""

import re
from collections.abc import Sequence

from stages.dataset.runbook.judging.net import unexplained
from stages.dataset.runbook.judging.suspicion import suspicious
from stages.dataset.runbook.standing import MEANT, Standing
from stages.dataset.runbook.wording.lexicon import MARK, TARGET
from stages.dataset.runbook.wording.passage import CROSSES, TICKS, Evidence
from stages.dataset.runbook.wording.reading import (
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
)

_ACCEPTED = re.compile(r"accept|expected|intended|wanted|\bfine\b|\bok\b|okay|go ahead|normal", re.IGNORECASE)
REACH = 600  # characters around a command, and no more than LINES above it, in which words about it are looked for
CROSSED, TICKED = re.compile(rf"^\W*?[{CROSSES}]"), re.compile(rf"^\W*?[{TICKS}]")
_CALLOUT = re.compile(
    rf"^\W*(?:(?:!!!|\.\.)\s+(?P<admonition>\w+)\b(?:::)?|\[!(?P<marked>\w+)\]|(?P<named>warning|caution|"
    rf"danger|attention|note|important|tip)\b\W*?(?:[:：]|\n|$|[ ](?=(?-i:[A-Z])|[{MARK}{TARGET}])))\W*?\s*",
    re.IGNORECASE,
)
_WARNS = {"caution", "warning", "danger", "attention"}


def weighed(evidence: Evidence, warns: bool = False) -> Standing:
    """Returns the standing by what is said of a command. warns: whether it is said in a warning."""
    found = dict(reversed(evidence.said))
    if LIFTS in found:
        return MEANT
    verdicts = [verdict for verdict, _ in evidence.said]
    is_revoked = FORBADE in verdicts and {ORDERS, MEANS} & set(verdicts[verdicts.index(FORBADE) :])
    if FORBADE in found and not is_revoked:
        return Standing("forbidden", shown(found[FORBADE]))
    is_borne = HARMS in found and _is_accepted(evidence.said[verdicts.index(HARMS) :])
    if FORBIDS in found or (HARMS in found and not evidence.is_ordered and not is_borne):
        return Standing("forbidden", shown(found.get(FORBIDS) or found.get(HARMS) or "not"))
    if DOUBTS in found and ORDERS not in verdicts[len(verdicts) - verdicts[::-1].index(DOUBTS) :]:
        return Standing("doubtful", shown(found[DOUBTS]))
    if evidence.is_ordered or ORDERS in found:
        return MEANT
    return _unordered(evidence, found, warns)


def _is_accepted(said: Sequence[tuple[str, str]]) -> bool:
    """Returns whether a harm is to be borne: what is said of it ends with an order, or calls it acceptable."""
    return any(verdict == ORDERS or (verdict == MEANS and _ACCEPTED.search(words)) for verdict, words in said)


def _unordered(evidence: Evidence, found: dict[str, str], warns: bool) -> Standing:
    """Returns the standing of a command that nothing forbids, and that no sentence tells to run."""
    verdicts = [verdict for verdict, _ in evidence.said]
    if RISKS in verdicts and MEANS not in verdicts[verdicts.index(RISKS) :]:
        return Standing("doubtful", shown(found[RISKS]))
    if MEANS in found or SUGGESTS in found:
        return MEANT
    hint = found.get(TOUCHES) or found.get(HINTS)
    if hint and (warns or evidence.is_passed_over):
        return Standing("doubtful", shown(hint))
    if UNCLEAR in found or evidence.is_reported:
        return Standing("doubtful", shown(found.get(UNCLEAR) or "said by others"))
    return Standing("doubtful", "another one is chosen") if evidence.is_second else MEANT


def netted(standing: Standing, text: str) -> Standing:
    """Returns the standing, or doubt where a text judges what it speaks of in words that gave no standing."""
    is_asked = text.rstrip(' )"”*_').endswith("?")
    words = "" if standing or is_asked else unexplained(text) or suspicious(text)
    return Standing("doubtful", shown(words)) if words else standing


def without_callout(text: str) -> tuple[str, bool]:
    """Returns a text without the word that marks it as a note or a warning, and whether it warns."""
    found = _CALLOUT.match(text)
    if not found:
        return text, False
    return text[found.end() :], (found["marked"] or found["named"] or found["admonition"]).lower() in _WARNS


def shown(words: str) -> str:
    return " ".join(words.replace(MARK, "…").replace(TARGET, "…").split()).strip(" ,;:-—–")
