"""Secrets in a runbook: taken out before anything else sees its text."""

import re

REDACTED = "REDACTED"
_KEYWORD = (
    r"(?:pass(?:word|wd|phrase)?|pwd|secret(?:[_-]?(?:access[_-]?)?key)?|token|api[_-]?key|access[_-]?key"
    r"|private[_-]?key|credentials?)"
)
_VALUE = r"(?P<secret>(?![<$({\[*\"'`]|REDACTED|x{3,}|\.{3})[^\s\"'`,;)}\]<>&|]{6,})"
_SHAPES = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?P<secret>[^-]+)-----END", 0),
        (r"\b(?P<secret>(?:AKIA|ASIA|AROA|AIDA)[A-Z0-9]{16})\b", 0),
        (
            r"\b(?P<secret>gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[\w-]{16,}|gl(?:rt|cbt|dt|ft)-[\w-]{16,})",
            0,
        ),
        (
            r"\b(?P<secret>xox[abeoprs]-[\w-]{10,}|xapp-[\w-]{10,}|sk_(?:live|test)_\w{10,}|rk_live_\w{10,}|sk-(?:proj-|ant-)?[\w-]{20,})",
            0,
        ),
        (
            r"\b(?P<secret>AIza[\w-]{30,}|ya29\.[\w-]{20,}|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{30,}|dop_v1_\w{30,}|hvs\.[\w-]{20,}|SG\.[\w-]{16,}\.[\w-]{16,})",
            0,
        ),
        (r"\b(?P<secret>eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{8,})", 0),
        (r"hooks\.slack\.com/services/(?P<secret>[\w/]{20,})", 0),
        (r"\b(?:bearer|basic)\s+(?P<secret>(?![<$({])[\w.~+/=-]{12,})", re.IGNORECASE),
        (r"[a-z][\w+.-]{1,20}://[^\s:/@\"'<>]{0,80}:(?P<secret>(?![<$({]|REDACTED)[^\s@/\"'<>]{3,})@", re.IGNORECASE),
        (r"AccountKey=(?P<secret>[\w+/=]{20,})", 0),
        (r"\bmc\s+(?:alias\s+set|config\s+host\s+add)\s+\S+\s+\S+\s+\S+\s+(?P<secret>(?![<$({\"'])\S{6,})", 0),
        (r"\bcurl\b[^\n]{0,400}?\s(?:-u|--user)[ =]?[\"']?[^\s:\"'<$]{1,80}:(?P<secret>(?![<$({])[^\s\"']{3,})", 0),
        (
            r"(?:^|\s)-p(?P<secret>(?![<$({\[])(?=[^\s]*[0-9])(?=[^\s]*[A-Za-z!@#%^*])[^\s\"'=:/.,]{8,})(?=\s|$)",
            re.MULTILINE,
        ),
        (rf"--from-literal[= ][\"']?[\w.-]{{0,60}}?{_KEYWORD}[\w.-]{{0,60}}={_VALUE}", re.IGNORECASE),
        (
            rf"\b[\w.-]{{0,40}}?{_KEYWORD}[\"']?\s{{0,3}}(?:=>|[:=])\s{{0,3}}[\"'](?P<secret>(?![<$({{\[*]|REDACTED)[^\"'\s<>]{{6,}})[\"']",
            re.IGNORECASE,
        ),
        (rf"\b[\w.-]{{0,40}}?{_KEYWORD}[\"']?(?:=|:\s{{1,3}}){_VALUE}", re.IGNORECASE),
        (rf"--{_KEYWORD}[= ]{_VALUE}", re.IGNORECASE),
    )
)
_PLAIN_WORD = re.compile(r"[a-z][a-z]*|[\w.-]*/[\w./-]*|\d+|[A-Za-z]+(?:[-_.][A-Za-z]+)*")
_WORDY = len(_SHAPES) - 3  # from here on the shape is told by a keyword alone


def redact(text: str) -> tuple[str, int]:
    """Returns a text whose secrets are REDACTED, with as many lines, and how many they were.

    Behind a mere keyword, such as `token: …`, a plain word, a path or a number stays: it is no secret's shape.
    """
    count = 0

    def replaced(found: re.Match[str]) -> str:
        nonlocal count
        secret = found["secret"]
        count += 1
        lines = "\n" * secret.count("\n")
        start, end = found.start("secret") - found.start(), found.end("secret") - found.start()
        return f"{found[0][:start]}{REDACTED}{lines}{found[0][end:]}"

    def unless_plain(found: re.Match[str]) -> str:
        is_password = re.search(r"pass|pwd", found[0][: found.start("secret") - found.start()], re.IGNORECASE)
        is_assigned = found[0][found.start("secret") - found.start() - 1] == "="
        if _PLAIN_WORD.fullmatch(found["secret"]) and not (is_password and is_assigned):
            return found[0]
        return replaced(found)

    for place, shape in enumerate(_SHAPES):
        is_flag = place == len(_SHAPES) - 1
        text = shape.sub(unless_plain if place >= _WORDY and not is_flag else replaced, text)
    return text, count
