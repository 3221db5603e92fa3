"""How severe a runbook says that an alert is.

A label or a title says it of the alert that it belongs to. A sentence does where it speaks of this alert, and not
where it compares it with others: `fires before the critical one`.
"""

import re

from stages.dataset.runbook.headings import is_identifier

_WORDS = (
    "critical|warning|warn|info|informational|information|error|page|pager|emergency|major|minor|medium|moderate|high|low"
    r"|notice|disaster|fatal|urgent|none|p[0-5]|sev-?[0-5]|s[1-5]"
)
_LEVELS = "critical|warning|info(?:rmational)?|high|medium|low|major|minor|emergency|urgent|p[0-5]|sev-?[0-5]"
_SURE = "critical|warning|informational|info|p[0-5]|sev-?[0-5]"
_NAMES = r"(?:(?:alert|incident|default|current|typical|initial)\s+)?severity(?:\s+(?:level|rating|class))?"
_PRIORITY = r"(?:\s*(?:/|&|and)\s*priority)?"
LABEL = re.compile(rf"\W*(?:\d+[.)]\s*)?(?:priority\s*/\s*)?{_NAMES}{_PRIORITY}\W*", re.IGNORECASE)
_MOSTLY = r"(?:(?:usually|typically|mostly|normally|generally|always|by default|at least|up to|defaults? to|level)\W+)?"
_FIRST = re.compile(
    rf"\W*{_MOSTLY}(?P<word>{_WORDS})\b(?!\s+(?:CPU|memory|load|latency|traffic|usage|error))", re.IGNORECASE
)
_STATED = re.compile(
    rf"(?<![\w-])severity(?:\s+level|\s*/\s*priority)?\W{{0,6}}(?:\bis\b|\bof\b|\blevel\b)?\W{{0,4}}{_MOSTLY}"
    rf"(?P<word>{_WORDS})\b",
    re.IGNORECASE,
)
_IT = r"(?:this|the|it)(?:\s+(?:alert|alarm|one))?"
_LEVEL = rf"(?P<word>{_SURE})(?:[- ](?:level|severity|priority))?"
_IS = (
    r"(?:is|has|fires\s+(?:as|with|at)|carries|counts\s+as"
    r"|is\s+(?:classified|rated|treated|paged|sent|raised)\s+(?:as|at|with))"
)
_NO_ALERT = r"(?:for|to|in|part|component|path|service|infrastructure|sign)"
_OF_THIS = [
    re.compile(expression, re.IGNORECASE)
    for expression in (
        rf"\b(?:this|it)\s+is\s+(?:an?\s+)?{_LEVEL}\s+(?:alert|alarm|severity|page|incident)\b",
        rf"\b(?:this|the)\s+(?:alert|alarm)\s+{_IS}\s+(?:an?\s+|of\s+|the\s+)?(?:severity\s+)?(?:of\s+)?[`\"'*]*"
        rf"(?P<word>{_SURE})\b(?!\s+{_NO_ALERT}\b)",
        rf"\bthis\s+{_LEVEL}\s+(?:alert|alarm)\b",
        rf"^\W*(?:an?\s+)?{_LEVEL}\s+(?:alert|alarm)\b(?=\s*(?:[:.,;—–-]|$|(?:that|for|when|about|on)\b))",
    )
]
_PROSE = [
    re.compile(expression, re.IGNORECASE)
    for expression in (
        r"\b(?P<word>critical|warning|info|informational)[- ]level\b",
        rf"\b{_IT}\s+(?:is|fires\s+as|has)\s+(?:an?\s+)?(?P<word>critical|warning|info(?:rmational)?)\s+(?:alert|severity)\b",
        r"\b(?P<word>critical|warning|info(?:rmational)?|high|medium|low)[- ]severity\b(?!-)",
        r"\bseverity\s+(?:level\s+)?(?:of\s+)?[`\"']?(?P<word>critical|warning|info)\b",
        rf"\b(?:pages?|paging|notifies|wakes)\b[^.;()]{{0,60}}\(\s*(?P<word>{_SURE})\s*\)",
        r"\b(?:pages?|paging|notifies|wakes)\b[^.;()]{0,40}\bas\s+(?:an?\s+)?(?P<word>p[0-5]|sev-?[0-5]|critical|warning)\b",
    )
]
# What follows these words is said of another alert, or of what this one may become.
_OTHERS = re.compile(
    r"\b(?:unlike|see|compared|contrast|other|others|another|also|related|whereas|while|than|before|after|until|once|escalat\w+|becom\w+"
    r"|turns?|upgrad\w+|rais\w+|increas\w+|if|unless|instead|sibling|counterpart|companion|variant|version|different|similar|not|never|"
    r"follows?|followed|precedes?|accompan\w+|together|which|whose|silence\w*|inhibit\w*|suppress\w*|routes?|routed)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n")
_SELECTOR = re.compile(r"\{[^{}]*\}")
_WORD = re.compile(r"[A-Za-z][\w.:-]*")
_IN_TITLE = re.compile(
    rf"[(\[]\s*(?:severity\s*[:=]?\s*)?(?P<word>{_LEVELS})\s*(?:(?:severity|level|priority|alert)\s*)?(?:[,;/|–—-][^()\[\]]*)?[)\]]"
    rf"|^\W*(?P<first>p[0-4]|sev-?[0-4])\s*[:—–-]\s|[(\[][^()\[\]]{{0,40}}\bseverity\s*[:=]\s*(?P<late>{_LEVELS})\b",
    re.IGNORECASE,
)
_GROUP = re.compile(
    rf"\W*(?:\d+(?:\.\d+)*[.)]?\s+)?(?:severity\W+)?(?P<word>{_LEVELS})(?:s|\s*[/–—-]\s*(?:{_LEVELS}))?"
    r"(?:[- ](?:severity|priority|level))?(?:\s+(?:alerts?|alarms?|incidents?|runbooks?|playbooks?|pages))?\W*",
    re.IGNORECASE,
)
_FRONT = re.compile(rf"\s*severity\s*[:=]\s*[\"']?(?P<word>{_WORDS})\b", re.IGNORECASE)


def first_severity(text: str) -> str:
    """Returns the severity with which a text begins, behind a label `Severity:`; '' where it is none."""
    return _said(_FIRST.match(text[:200]))


def titled_severity(heading: str) -> str:
    """Returns the severity in brackets behind a name: `HighLoad (Warning)`, or before it: `P1: HighLoad`."""
    return _said(_IN_TITLE.search(heading[:300]))


def group_severity(heading: str) -> str:
    """Returns the severity of all alerts under a heading that is nothing but one: `Critical alerts`."""
    return _said(_GROUP.fullmatch(re.sub(r"\([^()]*\)", "", heading))) if len(heading) <= 100 else ""


def front_severity(text: str) -> str:
    """Returns the severity that the front matter of a file states."""
    if not text.startswith("---\n"):
        return ""
    lines = text[4:4000].split("\n")
    end = lines.index("---") if "---" in lines else 0
    return next((_said(found) for line in lines[:end] if (found := _FRONT.match(line))), "")


def told_severity(text: str, name: str = "") -> str:
    """Returns the severity that a text tells of an alert of a name, `Severity: high`; '' where it tells none."""
    sentences = _SENTENCE.split(_SELECTOR.sub("", text[:2000]))
    return next((word for sentence in sentences if (word := _of_sentence(sentence, name))), "")


def _of_sentence(sentence: str, name: str) -> str:
    own = sentence[: _end_of_own(sentence, name)]
    stated = _said(_STATED.search(own))
    if stated:
        return stated
    for pattern in _OF_THIS:
        found = pattern.search(sentence)
        if found and (found.start() < len(own) or "this" in found[0].lower()):
            return _said(found)
    return next((word for pattern in _PROSE if (word := _said(pattern.search(own)))), "")


def _end_of_own(sentence: str, name: str) -> int:
    """Returns where a sentence begins to speak of other alerts."""
    other = next((word for word in _WORD.finditer(sentence) if word[0] != name and is_identifier(word[0])), None)
    marked = _OTHERS.search(sentence)
    return min(other.start() if other else len(sentence), marked.start() if marked else len(sentence))


def _said(found: re.Match[str] | None) -> str:
    return next((word.lower() for word in found.groups() if word), "") if found else ""
