"""Numbers and texts as Go's fmt package prints them (https://pkg.go.dev/fmt): what Prometheus' templates show."""

import re
from collections.abc import Sequence
from decimal import Decimal

Value = str | int | float | bool
_VERB = re.compile(r"%(?P<flags>[-+ 0]*)(?P<width>\d{0,3})(?:\.(?P<precision>\d{0,2}))?(?P<verb>.)", re.DOTALL)


class UnrenderableError(ValueError):
    """A template that only a running Prometheus, or none, could write out; the text says what it holds."""


def shown(value: Value) -> str:
    """Returns a value as `%v` prints it: 0.931, 87, 1e+06, true."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return shortest(value) if isinstance(value, float) else str(value)


def shortest(number: float) -> str:
    """Returns a float as `%v` prints it: with the fewest digits, and an exponent below 1e-04 and from 1e+06 on."""
    sign, digits, exponent = Decimal(repr(number)).as_tuple()
    if not isinstance(exponent, int):
        return {"F": "+Inf", "n": "NaN"}[str(exponent)] if number != float("-inf") else "-Inf"
    figures = "".join(map(str, digits)).lstrip("0")
    power = len(figures) + exponent - 1
    figures = figures.rstrip("0") or "0"
    if figures == "0":
        return "-0" if sign else "0"
    return ("-" if sign else "") + (
        _scientific(figures, power) if power < -4 or power >= 6 else _positional(figures, power)
    )


def _scientific(figures: str, power: int) -> str:
    rest = f".{figures[1:]}" if figures[1:] else ""
    return f"{figures[0]}{rest}e{'-' if power < 0 else '+'}{abs(power):02}"


def _positional(figures: str, power: int) -> str:
    if power < 0:
        return f"0.{'0' * (-power - 1)}{figures}"
    whole = figures[: power + 1].ljust(power + 1, "0")
    return whole + (f".{figures[power + 1 :]}" if figures[power + 1 :] else "")


def printf(form: str, values: Sequence[Value]) -> str:
    """Returns a form with its values. UnrenderableError where Go would print a fault: `%!d(float64=3)`."""
    left = list(values)

    def one(found: re.Match[str]) -> str:
        if found["verb"] == "%":
            return "%"
        if not left:
            raise UnrenderableError(f"a printf with too few values for {form!r:.40}")
        return _formatted(found, left.pop(0))

    text = _VERB.sub(one, form)
    if left or re.search(r"%$", _VERB.sub("", form)):
        raise UnrenderableError(f"a printf whose values do not fit {form!r:.40}")
    return text


def _formatted(found: re.Match[str], value: Value) -> str:
    verb, precision = found["verb"], found["precision"]
    if isinstance(value, str) and verb in "sv":
        text = value if precision is None else value[: int(precision or 0)]
    elif isinstance(value, bool) and verb in "tv":
        text = shown(value)
    elif isinstance(value, float) and verb in "eEfFgGv":
        text = _float(value, verb, precision, found["flags"])
    elif isinstance(value, int) and not isinstance(value, bool) and verb in "dv" and precision is None:
        text = f"{value:+d}" if "+" in found["flags"] else f"{value: d}" if " " in found["flags"] else str(value)
    else:
        raise UnrenderableError(f"a printf whose values do not fit {found[0]!r:.40}")
    return _padded(text, found["flags"], int(found["width"] or 0), is_number=not isinstance(value, str | bool))


def _float(value: float, verb: str, precision: str | None, flags: str) -> str:
    if verb in "gGv" and precision is None:
        text = shortest(value)
        text = text.upper() if verb == "G" else text
    else:
        kind = {"v": "g"}.get(verb, verb)
        text = f"{value:.{6 if precision is None else int(precision or 0)}{kind}}"
    sign = "+" if "+" in flags else " " if " " in flags else ""
    return text if text.startswith("-") else sign + text


def _padded(text: str, flags: str, width: int, is_number: bool) -> str:
    if "-" in flags:
        return text.ljust(width)
    if "0" not in flags:
        return text.rjust(width)
    return text.zfill(width) if is_number else text.rjust(width, "0")
