"""What a line of a block is: a command, an assignment, a query, or what a program printed."""

import re
import tomllib
from pathlib import Path

_KNOWN = tomllib.loads(Path(__file__).with_name("programs.toml").read_text("utf-8"))
PROGRAMS: set[str] = set(_KNOWN["programs"])
ENGLISH: set[str] = set(_KNOWN["english"])
NEEDS_OBJECT: set[str] = set(_KNOWN["needs_object"])
OBJECT_VERBS: set[str] = set(_KNOWN["object_verbs"])
BEFORE: set[str] = set(_KNOWN["before"])
ALONE: set[str] = set(_KNOWN["alone"])
COMPOUNDS = {"for", "while", "until", "if", "case", "select", "function", "[", "[["}

_ASSIGNMENT = re.compile(
    r"(?P<name>[A-Za-z_]\w*)\+?=(?P<value>(?:\$\((?s:.*)\)|`[^`]*`|\"[^\"]*\"|'[^']*'|[^\s;&|\"'`])*)"
)
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
    r"^\s*(?:select\s.+|update\s+\S+\s+set|insert\s+into|delete\s+from|alter\s+\w+|drop\s+\w+)\b.*(?:;|\bfrom\b)"
)
_METHOD = re.compile(
    r"^\s*[A-Za-z_$][\w$]*(?:\.[\w$]+)*\.[\w$]+\(|^\s*(?:import|from|def|class|const|let|var|func|package|return|puts|print)\b[\s(]"
)
_QUERY_FUNCTION = re.compile(
    r"\b(?:rate|irate|increase|sum|avg|max|min|count|topk|bottomk|histogram_quantile|absent|absent_over_time|delta|deriv"
    r"|predict_linear|label_replace|quantile|stddev|changes|resets|count_over_time|avg_over_time|max_over_time"
    r"|min_over_time|sum_over_time|time|vector|clamp_max|clamp_min|group|count_values|last_over_time|holt_winters)"
    r"\s*(?:by|without)?\s*\("
)
_SELECTOR = re.compile(
    r"\b[a-zA-Z_:][\w:]*\{\s*(?:\w+\s*(?:=~|!~|!=|=)[^{}]*)?\}|^\s*\{\s*\w+\s*(?:=~|!~|!=|=)\s*[\"`]"
)
_METRIC = re.compile(r"^\s*\(*[a-z][a-z0-9]*(?:[_:][a-z0-9]+){2,}\)*\s*(?:$|[-+*/<>=!]|\[)")
_OPENS = re.compile(r"(?:xdg-)?open\s+[\"']?https?://\S+")
_COMPARED = re.compile(r"(?:==|!=|>=|<=|[<>])\s*(?:bool\s*)?-?[\d.]+")


_TAKES_VALUE = {"sudo": ("-u", "-g", "-U"), "watch": ("-n", "--interval"), "nice": ("-n",)}


def is_query(text: str) -> bool:
    """Returns whether a text is PromQL or LogQL."""
    first = text.split()[0] if text.split() else ""
    if program_of(text) in PROGRAMS - {"time", "sort", "group"} and not _QUERY_FUNCTION.match(text):
        return False
    if first.endswith(":") or re.match(r"\s*[A-Z_]+=", text) or _OPENS.fullmatch(text.strip()):
        return False
    return bool(
        _QUERY_FUNCTION.match(text.lstrip("( ")) or _SELECTOR.match(text.lstrip("( ")) or _METRIC.match(text)
    ) or (bool(_QUERY_FUNCTION.search(text)) and bool(_SELECTOR.search(text) or _COMPARED.search(text)))


def is_sql(text: str) -> bool:
    """Returns whether a text is SQL, or what is typed at a database's own prompt."""
    return bool(_SQL.match(text) or _SQL_LOWER.match(text))


def is_printed(text: str) -> bool:
    """Returns whether a line has the shape of what programs print, or of a file's content."""
    first = text.split("\n")[0]
    return bool(_LOG.match(first) or _KEY.match(first) or _STRUCTURE.match(first) or _METHOD.match(first)) or (
        bool(_TABLE.search(first)) and not re.search(r"(?:^|\s)--?\w|[|&]\s*\w", first)
    )


def words_of(text: str) -> list[str]:
    """Returns the words of the first simple command, without assignments, sudo and their like before it."""
    words = text.split()
    while words:
        word = words[0]
        if _ASSIGNMENT.fullmatch(word) and len(words) > 1:
            words = words[1:]
        elif word in BEFORE and len(words) > 1 and word not in {"xargs"}:
            words = words[1:]
            while words and words[0].startswith("-") and len(words) > 1:
                takes_value = words[0] in _TAKES_VALUE.get(word, ())
                words = words[2:] if takes_value and len(words) > 2 else words[1:]
            if word in ("timeout", "nice") and words and re.fullmatch(r"\d+[smhd]?", words[0]) and len(words) > 1:
                words = words[1:]
        else:
            break
    if words and len(words[0]) > 1:
        words = [words[0].lstrip("(!{") or words[0], *words[1:]]
    return words


def program_of(text: str) -> str:
    """Returns the program that a text calls, without its path; '' where there is none."""
    words = words_of(text)
    return re.sub(r"^.*/(?=[\w.-]+$)", "", words[0].strip("\"'")) if words else ""


def is_assignment(text: str) -> bool:
    """Returns whether a text does nothing but set variables."""
    rest = text.strip()
    found = _ASSIGNMENT.match(rest)
    while found:
        rest = rest[found.end() :].lstrip(" ;&")
        found = _ASSIGNMENT.match(rest)
        if not rest:
            return True
    return False


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
        return bool(re.search(r"[;\n]|\]\]?", text))
    name = program_of(text)
    if name in PROGRAMS:
        return name not in ENGLISH or not _reads_like_a_sentence(words)
    return bool(_SCRIPT.fullmatch(first) and (len(words) > 1 or "/" in first)) or bool(
        _PATH.fullmatch(first)
        and first.count("/") >= 1
        and not first.startswith("/api")
        and (len(words) > 1 or first.startswith("."))
    )


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
    plain = [word for word in words if re.fullmatch(r"[A-Za-z']+[.,:;]?", word)]
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
