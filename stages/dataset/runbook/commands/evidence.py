"""What a line of a block is: a command, an assignment, a query, or what a program printed."""

import re
import tomllib
from collections.abc import Sequence, Set
from functools import lru_cache
from pathlib import Path

from stages.dataset.runbook.commands.parts import parts_of

_KNOWN = tomllib.loads(Path(__file__).with_name("programs.toml").read_text("utf-8"))
PROGRAMS: set[str] = set(_KNOWN["programs"])
NAMES: set[str] = set(_KNOWN["names"])
ENGLISH: set[str] = set(_KNOWN["english"])
NEEDS_OBJECT: set[str] = set(_KNOWN["needs_object"])
OBJECT_VERBS: set[str] = set(_KNOWN["object_verbs"])
BEFORE: set[str] = set(_KNOWN["before"])
ALONE: set[str] = set(_KNOWN["alone"])
COMPOUNDS = {"for", "while", "until", "if", "case", "select", "function", "[", "[["}

_ROUND = r"\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*+\))*+\))*+\))*+\)"
_VALUE = rf"\${_ROUND}|`[^`]*+`|<[A-Za-z][\w. -]*+>|\{{\{{[^{{}}]*+\}}\}}|\"[^\"]*+\"|'[^']*+'|[^\s;&|\"'`]"
_IN_A_SENTENCE = re.compile(r"[A-Za-z']+[.,:;]?")
_ASSIGNMENT = re.compile(rf"(?P<name>[A-Za-z_]\w*)\+?=(?P<value>(?:{_VALUE})*+)")
_BETWEEN = re.compile(r"[\s;&]*")
_SETS = re.compile(r"\s*[A-Za-z_]\w*\+?=")
_PATH = re.compile(r"(?:\.{1,2}|~|\$\{?\w+\}?|<[\w .-]+>)?(?:/[\w.<>${}@-]+)+")
_SCRIPT = re.compile(r"[\w./-]+\.(?:sh|py|pl|rb|js|ts|ps1|bat|cmd)")
_PROGRAM = re.compile(r"[a-z_][\w.+@-]*|\$\{?[A-Z_]\w*\}?")
_FUNCTION = re.compile(r"[A-Za-z_][\w-]*\s*\(\)\s*\{")
_TABLE = re.compile(r"\S(?: {2,}|\t+)\S+(?: {2,}|\t+)\S|^[|+]|\|\s*$|^[-=─━│┌└├+|\s]{3,}$")
_LOG = re.compile(
    r"^\W{0,2}(?:\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\s+\d"
    r"|[IWEF]\d{4}\s|(?:level|time|ts|msg)=|\d{1,3}(?:\.\d{1,3}){3}\b|\[?(?:INFO|WARN|WARNING|ERROR|DEBUG|FATAL)\b)"
)
_KEY = re.compile(r"^\s*(?:- )*[\"']?[\w./ -]{1,60}[\"']?\s*:(?:\s|$)")
_STRUCTURE = re.compile(r"^\s*(?:[\[\]{}<>*•✓✗→]|\.\.\.|- |\+ |//|/\*|--(?:\s|$))")
_SQL = re.compile(
    r"^\s*(?:SELECT|UPDATE\s+\S+\s+SET|INSERT\s+INTO|DELETE\s+FROM|ALTER|CREATE|DROP|TRUNCATE|VACUUM|ANALYZE|EXPLAIN"
    r"|GRANT|REVOKE|SHOW|USE|BEGIN|COMMIT|ROLLBACK|WITH\s+\w+\s+AS|REINDEX|KILL\s+\d|FROM|WHERE|GROUP BY|ORDER BY"
    r"|LEFT JOIN|JOIN|LIMIT|SET GLOBAL|CHANGE MASTER|START SLAVE|STOP SLAVE|FLUSH|\\[a-z]\w*\b)",
)
_SQL_LOWER = re.compile(
    r"^\s*(?:select\s|(?:update\s+\S+\s+set|insert\s+into|delete\s+from|alter\s+\w+|drop\s+\w+)\b).*(?:;|\bfrom\b)"
)
_METHOD = re.compile(
    r"^\s*[A-Za-z_$][\w$]*(?:\.[\w$]+)*\.[\w$]+\(|^\s*(?:import|from|def|class|const|let|var|func|package|return|puts|print)\b[\s(]"
)
_QUERY_FUNCTION = re.compile(
    r"\b(?:rate|irate|increase|sum|avg|max|min|count|topk|bottomk|histogram_quantile|absent|absent_over_time|delta|deriv"
    r"|predict_linear|label_replace|quantile|stddev|changes|resets|count_over_time|avg_over_time|max_over_time"
    r"|min_over_time|sum_over_time|time|vector|clamp_max|clamp_min|group|count_values|last_over_time|holt_winters)"
    r"\s*(?:(?:by|without)\s*)?\("
)
_SELECTOR = re.compile(
    r"\b[a-zA-Z_:][\w:]*\{\s*(?:\w+\s*(?:=~|!~|!=|=)[^{}]*)?\}|^\s*\{\s*\w+\s*(?:=~|!~|!=|=)\s*[\"`]"
)
_METRIC = re.compile(r"^\s*\(*[a-z][a-z0-9]*(?:[_:][a-z0-9]+){2,}\)*\s*(?:$|[-+*/<>=!]|\[)")
_OPENS = re.compile(r"(?:xdg-)?open\s+[\"']?https?://\S+")
_COMPOUND = re.compile(
    r"\s*(?:for\s+\w+\s+in\s|for\s*\(\(|case\s+\S+\s+in\b|select\s+\w+\s+in\s|function\s+[\w-]+\s*(?:\(\)\s*)?\{|[\w-]+\s*\(\)\s*\{"
    r"|(?:while|until|if)\s+(?:!\s+)?(?:\[|\(\(|true\b|:|read\b|(?P<condition>[a-z./].*)))"
)
_COMPARED = re.compile(r"(?:==|!=|>=|<=|[<>])\s*(?:bool\s*)?-?[\d.]+")


_TAKES_VALUE = {
    "sudo": re.compile(r"-\w*[ugUphCrtTRD]|--(?:user|group|host|prompt|role|type)"),
    "doas": re.compile(r"-[uC]"),
    "env": re.compile(r"-[uC]|--(?:unset|chdir)"),
    "timeout": re.compile(r"-[sk]|--(?:signal|kill-after)"),
    "watch": re.compile(r"-n|--interval"),
    "nice": re.compile(r"-n|--adjustment"),
    "ionice": re.compile(r"-[cn]|--(?:class|classdata)"),
    "time": re.compile(r"-[fo]"),
    "exec": re.compile(r"-a"),
}
_TAKES_NUMBER = re.compile(r"\d+(?:\.\d+)?[smhd]?")
# What may stand before a program without changing what it is asked to do.
PREFIXES = {"sudo", "doas", "env", "time", "nohup", "exec", "command", "timeout", "nice", "ionice", "setsid"}
_NEVER_QUERIES = PROGRAMS - {"time", "sort", "group"}
MAX_TEXT = 4_000  # characters of a command that tell what it is


@lru_cache(maxsize=1024)
def is_query(text: str) -> bool:
    """Returns whether a text is PromQL or LogQL."""
    text = text[:MAX_TEXT]
    first = text.split()[0] if text.split() else ""
    if program_of(text) in _NEVER_QUERIES and not _QUERY_FUNCTION.match(text):
        return False
    if first.endswith(":") or re.match(r"\s*[A-Z_]+=", text) or _OPENS.fullmatch(text.strip()):
        return False
    return bool(
        _QUERY_FUNCTION.match(text.lstrip("( ")) or _SELECTOR.match(text.lstrip("( ")) or _METRIC.match(text)
    ) or (bool(_QUERY_FUNCTION.search(text)) and bool(_SELECTOR.search(text) or _COMPARED.search(text)))


def is_sql(text: str) -> bool:
    """Returns whether a text is SQL, or what is typed at a database's own prompt."""
    text = text[:MAX_TEXT]
    return bool(_SQL.match(text) or _SQL_LOWER.match(text))


def is_printed(text: str) -> bool:
    """Returns whether a line has the shape of what programs print, or of a file's content."""
    first = text[:MAX_TEXT].split("\n")[0]
    return bool(_LOG.match(first) or _KEY.match(first) or _STRUCTURE.match(first) or _METHOD.match(first)) or (
        bool(_TABLE.search(first)) and not re.search(r"(?:^|\s)--?\w|[|&]\s*\w", first)
    )


def words_of(text: str) -> list[str]:
    """Returns the words of the first simple command, without assignments, sudo and their like before it."""
    text = text[:MAX_TEXT]
    if _SETS.match(text):
        parts = parts_of(text) or ()
        first = next((part for part in parts if not _only_sets(part.words)), None)
        if first:
            return words_in(first.words)
    return words_in(text.split())


def words_in(words: Sequence[str], prefixes: Set[str] = BEFORE - {"xargs"}) -> list[str]:
    """Returns the words of a simple command without assignments and what else stands before its program."""
    words = list(words)
    while len(words) > 1:
        word = words[0]
        if _ASSIGNMENT.fullmatch(word):
            words = words[1:]
        elif word in prefixes:
            words = _behind_prefix(word, words[1:])
        else:
            break
    if words and len(words[0]) > 1:
        words = [words[0].lstrip("(!{") or words[0], *words[1:]]
    return words


def _behind_prefix(prefix: str, words: list[str]) -> list[str]:
    """Returns what follows sudo and its like and their options."""
    takes_value = _TAKES_VALUE.get(prefix)
    while len(words) > 1 and words[0].startswith("-"):
        has_value = takes_value and takes_value.fullmatch(words[0]) and len(words) > 2
        words = words[2:] if has_value else words[1:]
    if prefix in ("timeout", "nice") and len(words) > 1 and _TAKES_NUMBER.fullmatch(words[0]):
        words = words[1:]
    return words


def _only_sets(words: Sequence[str]) -> bool:
    """Returns whether a simple command does nothing but set variables."""
    return not words or all(_ASSIGNMENT.fullmatch(word) for word in words)


def program_of(text: str) -> str:
    """Returns the program that a text calls, without its path; '' where there is none."""
    words = words_of(text)
    return re.sub(r"^.*/(?=[\w.-]+$)", "", words[0].strip("\"'")) if words else ""


def is_assignment(text: str) -> bool:
    """Returns whether a text does nothing but set variables."""
    text = text.strip()
    found = _ASSIGNMENT.match(text)
    while found:
        place = _BETWEEN.match(text, found.end()).end()  # type: ignore[union-attr]
        if place == len(text):
            return True
        found = _ASSIGNMENT.match(text, place)
    return False


def begins_assignment(line: str) -> bool:
    """Returns whether a line begins with an assignment, whose value may go on below it."""
    found = _SETS.match(line)
    return bool(found) and line[found.end() : found.end() + 2].startswith(("$(", "`", '"', "'", "("))  # type: ignore[union-attr]


def assigns_for_a_shell(text: str) -> bool:
    """Returns whether an assignment looks like a person's and not like a printed one: a constant's name, or a call."""
    found = _ASSIGNMENT.match(text.strip())
    if not found:
        return False
    return found["name"].isupper() or found["value"].startswith(("$", "`", '"', "'", "<"))


def is_known_command(text: str) -> bool:
    """Returns whether a text begins with a program that people call, and does not read like a sentence."""
    words = words_of(text)
    if not words:
        return False
    if _OPENS.fullmatch(text.strip()):
        return True
    first = words[0].strip("\"'")
    if first in COMPOUNDS:
        return bool(re.search(r"[;\n]|\]\]?", text[:MAX_TEXT]))
    name = program_of(text)
    if name in PROGRAMS:
        return name not in ENGLISH or not _reads_like_a_sentence(words)
    return bool(_SCRIPT.fullmatch(first) and (len(words) > 1 or "/" in first)) or bool(
        _PATH.fullmatch(first)
        and first.count("/") >= 1
        and not first.startswith("/api")
        and (len(words) > 1 or first.startswith("."))
    )


def begins_compound(line: str) -> bool:
    """Returns whether a loop, a condition or a function begins at a line that need not hold all of it."""
    found = _COMPOUND.match(line)
    if not found or line.rstrip().endswith(":"):
        return False
    return not found["condition"] or is_known_command(found["condition"])


def has_options(text: str) -> bool:
    """Returns whether a text of three words or more is shaped like a call: a lower-case word, then options."""
    words = words_of(text)
    return (
        len(words) > 2
        and bool(_PROGRAM.fullmatch(words[0]))
        and bool(re.search(r"\s--?[A-Za-z][\w-]*(?:[ =]|$)", text))
    )


def may_be_command(text: str) -> bool:
    """Returns whether a line of a shell's block, whose program nobody here knows, may be a command."""
    words = words_of(text)
    if not words or is_printed(text) or _reads_like_a_sentence(words):
        return False
    first = words[0]
    return bool(_PROGRAM.fullmatch(first) or _PATH.fullmatch(first) or _FUNCTION.match(text)) and not first.endswith(
        ":"
    )


def _reads_like_a_sentence(words: list[str]) -> bool:
    plain = [word for word in words if _IN_A_SENTENCE.fullmatch(word)]
    ends = words[-1].endswith((".", ":", "!", "?")) and not words[-1].endswith(("..", "/."))
    if ends and len(words) > 2 and len(plain) >= len(words) - 1:
        return True
    small = {
        "the",
        "that",
        "a",
        "an",
        "is",
        "are",
        "if",
        "sure",
        "your",
        "this",
        "with",
        "of",
        "be",
        "should",
        "when",
        "it",
        "was",
    }
    return (
        len(words) > 2 and len(small.intersection(word.lower() for word in words)) >= 2 and len(plain) >= len(words) - 1
    )
