"""The functions of Prometheus' templates that need no server, printing what Prometheus prints.

https://prometheus.io/docs/prometheus/latest/configuration/template_reference/
"""

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import takewhile

from stages.dataset.rows.annotations.go_format import UnrenderableError, Value, printf, shown

_UP, _DOWN, _BINARY = "kMGTPEZY", "munpfazy", ("ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi")
_NUMBER = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?")


def call(name: str, values: Sequence[Value]) -> Value:
    """Returns what a function of a template gives. Raises UnrenderableError for an unknown one, or unfit values."""
    if name in ("printf", "print", "println"):
        return _printed(name, values)
    if name in _OF_TRUTH:
        return _OF_TRUTH[name](values)
    if name in _COMPARISONS:
        return _compared(name, values)
    if name not in _OF_ONE or len(values) != 1:
        raise UnrenderableError(name)
    return _OF_ONE[name](values[0])


def is_true(value: Value) -> bool:
    """Returns whether a value is true to `if` and `with`: neither false, nor 0, nor empty."""
    return bool(value)


def humanize(value: Value) -> str:
    """Returns a number with a metric prefix and four digits: 1.235M."""
    number = _number(value)
    if number == 0 or not math.isfinite(number):
        return f"{number:.4g}"
    if abs(number) >= 1:
        prefix, number = _scaled(number, _UP, 1000)
        return f"{number:.4g}{prefix}"
    prefix, number = _enlarged(number)
    return f"{number:.4g}{prefix}"


def humanize_1024(value: Value) -> str:
    """Returns a number with a binary prefix: 1.177Mi."""
    number = _number(value)
    if abs(number) <= 1 or not math.isfinite(number):
        return f"{number:.4g}"
    prefix, number = _scaled(number, _BINARY, 1024)
    return f"{number:.4g}{prefix}"


def humanize_duration(value: Value) -> str:
    """Returns seconds as days, hours, minutes and seconds: 1d 2h 46m 40s."""
    number = _number(value)
    if not math.isfinite(number):
        return f"{number:.4g}"
    if number == 0 or abs(number) < 1:
        prefix, number = _enlarged(number) if number else ("", number)
        return f"{number:.4g}{prefix}s"
    sign, number = ("-", -number) if number < 0 else ("", number)
    minutes, seconds = divmod(int(number), 60)
    if not minutes:
        return f"{sign}{number:.4g}s"
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "m"), (seconds, "s")]
    first = next(place for place, (count, _) in enumerate(parts) if count)
    return sign + " ".join(f"{count}{unit}" for count, unit in parts[first:])


def humanize_percentage(value: Value) -> str:
    """Returns a ratio as a percentage of four digits: 93.12%."""
    return f"{_number(value) * 100:.4g}%"


def humanize_timestamp(value: Value) -> str:
    """Returns a Unix timestamp in seconds as a moment in UTC: 2015-06-23 13:19:44.128 +0000 UTC."""
    number = _number(value)
    if not 0 <= number < 1e11:
        raise UnrenderableError("humanizeTimestamp of what is no time")
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=int(number * 1000))
    fraction = f".{moment.microsecond:06}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def _scaled(number: float, prefixes: Sequence[str], step: int) -> tuple[str, float]:
    used = ""
    for prefix in prefixes:
        if abs(number) < step:
            break
        used, number = prefix, number / step
    return used, number


def _enlarged(number: float) -> tuple[str, float]:
    used = ""
    for prefix in _DOWN:
        if abs(number) >= 1:
            break
        used, number = prefix, number * 1000
    return used, number


def _number(value: Value) -> float:
    if isinstance(value, bool) or (isinstance(value, str) and not _NUMBER.fullmatch(value)):
        raise UnrenderableError(f"a number that is none: {value!r:.40}")
    return float(value)


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise UnrenderableError(f"a text that is none: {value!r:.40}")
    return value


def _printed(name: str, values: Sequence[Value]) -> str:
    if name == "printf":
        return printf(_text(values[0]) if values else "", values[1:])
    if name == "println":
        return " ".join(map(shown, values)) + "\n"
    # Go's Sprint puts a space between two values of which neither is a text.
    parts = [
        (" " if place and not isinstance(value, str) and not isinstance(values[place - 1], str) else "") + shown(value)
        for place, value in enumerate(values)
    ]
    return "".join(parts)


def _compared(name: str, values: Sequence[Value]) -> bool:
    first, *others = values or ("",)
    if not others or (len(others) > 1 and name != "eq") or any(type(one) is not type(first) for one in others):
        raise UnrenderableError(f"{name} of values that cannot be compared")
    return any(_COMPARISONS[name](first, other) for other in others)


def _title(value: Value) -> str:
    return re.sub(r"(?<![\w'])\w", lambda found: found[0].upper(), _text(value))


def _without_port(value: Value) -> str:
    text = _text(value)
    found = re.fullmatch(r"\[([^\[\]]*)\]:[^:]*|([^:\[\]]*):[^:]*", text)
    return (found[1] or found[2] or "") if found else text


def _without_domain(value: Value) -> str:
    host, colon, port = _text(value).partition(":")
    is_address = bool(re.fullmatch(r"[\d.]+", host))
    return (host if is_address else "".join(takewhile(lambda character: character != ".", host))) + colon + port


_COMPARISONS: dict[str, Callable[..., bool]] = {
    "eq": lambda one, other: one == other,
    "ne": lambda one, other: one != other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
}


def _negated(values: Sequence[Value]) -> Value:
    if len(values) != 1:
        raise UnrenderableError("not of several values")
    return not is_true(values[0])


def _first(values: Sequence[Value], wanted: bool) -> Value:
    if len({type(value) for value in values}) != 1:
        raise UnrenderableError("and or or of values of several kinds")
    return next((value for value in values if is_true(value) == wanted), values[-1])


_OF_TRUTH: dict[str, Callable[[Sequence[Value]], Value]] = {
    "and": lambda values: _first(values, wanted=False),
    "or": lambda values: _first(values, wanted=True),
    "not": _negated,
}
_OF_ONE: dict[str, Callable[[Value], Value]] = {
    "humanize": humanize,
    "humanize1024": humanize_1024,
    "humanizeDuration": humanize_duration,
    "humanizePercentage": humanize_percentage,
    "humanizeTimestamp": humanize_timestamp,
    "title": _title,
    "toUpper": lambda value: _text(value).upper(),
    "toLower": lambda value: _text(value).lower(),
    "stripPort": _without_port,
    "stripDomain": _without_domain,
    "safeHtml": _text,
}
