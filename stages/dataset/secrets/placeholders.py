"""What stands where a secret would: a variable, a template, a reference to a store, a row of stars, a word about it."""

import re
import tomllib
from pathlib import Path

_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_KNOWN = frozenset(_WORDS["words"])
_BEGINS = tuple(f"{word}{mark}" for word in _WORDS["begins"] for mark in "-_ .")
_ENDS = tuple(f"{mark}{word}" for word in _WORDS["ends"] for mark in "-_ .")
_REFERENCE = re.compile(
    r"\$\w.*|\$[{(].*|%\w+%|%\{.*|%\(.*|\{.*|\[[\w .…-]*\]?|\[[^\[\]]*\]\(.*|<[A-Za-z_/ ].*"
    r"|\([A-Za-z].*|@[\w~./-]*[./-][\w./-]*|&[a-z_-]+"
    r"|!(?:vault|ref|sub|reference|secret|env|include|encrypted)\b.*|__\w+__|[#~]\{.*"
    r"|(?:vault|op|ref\+\w+|secretsmanager|ssm|env|file|aws|gcp|projects|https?|s3|azurekeyvault|keyvault|k8s|doppler)"
    r"[:/].*|arn:aws.*",
    re.IGNORECASE,
)
# A letter twice, dots, stars and the like.
_FILLING = re.compile(r"(?P<one>.)(?P=one)+|[\W_]*|[xX*•.…_?-]+|[A-Z]+(?:_[A-Z]+)+|(?:REDACTED\W*)+")
_RUN = re.compile(r"(?P<one>.)(?P=one)*")
_CALL = re.compile(r"[A-Za-z_][\w.]*(?:\(|\[[\"'\w])")
_INNER = re.compile(r"<[\w .:/-]{1,60}>|\{\{|\$\{|\$\(|…|\.{3}|\*{3}|[xX]{6}|REDACTED")


def is_placeholder(value: str) -> bool:
    """Returns whether a value stands for a secret and is none."""
    plain = value.strip(" \t\"'`*")
    lower = plain.lower().rstrip(".,;:!?")
    if _REFERENCE.fullmatch(plain) or _FILLING.fullmatch(plain) or _CALL.match(plain):
        return True
    return lower in _KNOWN or lower.startswith(_BEGINS) or lower.endswith(_ENDS) or bool(_INNER.search(plain))


def is_filling(token: str) -> bool:
    """Returns whether a token of a known form is filled with one letter, stars, or a name in brackets."""
    longest = max((run.end() - run.start() for run in _RUN.finditer(token.lower())), default=0)
    return 2 * longest >= len(token) or bool(_INNER.search(token)) or "your" in token.lower()
