"""How severe a runbook says that an alert is."""

import re

_WORDS = (
    "critical|warning|warn|info|informational|information|error|page|pager|emergency|major|minor|medium|moderate|high|low"
    r"|notice|disaster|fatal|urgent|none|p[0-5]|sev-?[0-5]|s[1-5]"
)
LABEL = re.compile(r"\W*(?:alert\s+)?severity(?:\s+level)?\W*", re.IGNORECASE)
_FIRST = re.compile(rf"\W*(?P<word>{_WORDS})\b", re.IGNORECASE)
_STATED = re.compile(
    rf"\bseverity(?:\s+level)?\W{{0,6}}(?:\bis\b|\bof\b|\blevel\b)?\W{{0,4}}(?P<word>{_WORDS})\b", re.IGNORECASE
)
_PROSE = (
    re.compile(r"\b(?P<word>critical|warning|info|informational)[- ]level\b", re.IGNORECASE),
    re.compile(
        r"\b(?:this|the)\s+(?:alert\s+)?(?:is|fires\s+as|has)\s+(?:an?\s+)?(?P<word>critical|warning|info(?:rmational)?)\s+(?:alert|severity)\b",
        re.IGNORECASE,
    ),
    re.compile(r"\b(?P<word>critical|warning|info(?:rmational)?)\s+severity\b", re.IGNORECASE),
    re.compile(r"\bseverity\s+(?:level\s+)?(?:of\s+)?[`\"']?(?P<word>critical|warning|info)\b", re.IGNORECASE),
)
_IN_TITLE = re.compile(
    r"[(\[]\s*(?:severity\s*:\s*)?(?P<word>critical|warning|info|high|medium|low|p[0-5]|sev-?[0-5])\s*[)\]]",
    re.IGNORECASE,
)


def first_severity(text: str) -> str:
    """Returns the severity with which a text begins, behind a label `Severity:`; '' where it is none."""
    found = _FIRST.match(text)
    return found["word"].lower() if found else ""


def titled_severity(heading: str) -> str:
    """Returns the severity in brackets behind a name: `HighLoad (Warning)`."""
    found = _IN_TITLE.search(heading)
    return found["word"].lower() if found else ""


def told_severity(text: str) -> str:
    """Returns the severity that a sentence tells: `Severity: high`, `a critical-level alert`; '' where none."""
    for pattern in (_STATED, *_PROSE):
        if found := pattern.search(text[:2000]):
            return found["word"].lower()
    return ""
