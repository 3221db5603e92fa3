"""report.html: the evaluation as one file that opens from disk and asks for nothing.

Its one script searches the wrong answers; the page's policy allows that script alone, by its digest.
"""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shared.artifacts import UNCOVERED_ALERTS, UNSEEN_ALERTS
from shared.function_call import Call
from stages.evaluate.judging.scoring import NO_CALL, RIGHT, UNREADABLE, Judged, label
from stages.evaluate.reporting.curves import curves

TEMPLATE, SCRIPT = "report.html.jinja", "search.js"
ANSWERS = {
    "filled": "calls with names from the alert",
    "constant": "calls with fixed names (memory)",
    "none": "no call",
}
STOPPED = ("false", "wrong", "right")
REFUSED = {
    "unreadable": "refused: no whole call",
    "undeclared": "refused: nobody declared the function or a parameter",
    "several": "refused: more than one call",
    "invalid": "refused: an argument missing, or not as declared",
    "ungrounded": "refused: a text that neither alert nor runbook says",
    "dangerous": "refused: dangerous, for an alert that the runbook does not name",
}
NARROW_SPACE = "\u202f"  # does not break between number and unit


def render_page(
    report: Mapping[str, Any], metrics: Mapping[str, Any], base: Sequence[Judged], tuned: Sequence[Judged]
) -> str:
    """Returns the page for a report, the metrics of training and both models' answers. All text in it is escaped."""
    folder = Path(__file__).parent
    script = (folder / SCRIPT).read_text("utf-8")
    environment = Environment(
        loader=FileSystemLoader(folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters = {"percent": percent, "visible": visible, "milliseconds": milliseconds, "between": between}
    environment.filters |= filters
    return environment.get_template(TEMPLATE).render(
        report=report,
        script=Markup(script),
        script_digest=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        curves=curves(metrics),
        bars=bars(report),
        unseen_bars=bars(report[UNSEEN_ALERTS]) if report[UNSEEN_ALERTS] else [],
        uncovered=uncovered(report[UNCOVERED_ALERTS]),
        names=grouped(report, "per_alertname"),
        answers=by_answer(report),
        functions=grouped(report, "per_function"),
        alerts=grouped(report, "per_alert"),
        arguments=arguments(report),
        confusion=confusion(report["tuned"]["confusion"]),
        guards=guards(report),
        failures=failures(base, tuned),
    )


def percent(share: float | None) -> str:
    """Returns a share as `93 %`; only a whole is 100 %, and only nothing is 0 %."""
    if share is None:
        return "–"
    rounded = round(100 * share)
    if rounded == 100 and share < 1:
        return f">{NARROW_SPACE}99{NARROW_SPACE}%"
    if rounded == 0 and share > 0:
        return f"<{NARROW_SPACE}1{NARROW_SPACE}%"
    return f"{rounded}{NARROW_SPACE}%"


def between(interval: Sequence[float] | None) -> str:
    """Returns the bounds of an interval of a share as `89–97 %`; nothing where there is none."""
    if interval is None:
        return ""
    return f"{round(100 * interval[0])}–{round(100 * interval[1])}{NARROW_SPACE}%"


def milliseconds(value: float) -> str:
    """Returns a time as `84 ms` or `1.2 s`."""
    if value >= 1000:
        return f"{value / 1000:.1f}{NARROW_SPACE}s"
    return f"{value:.0f}{NARROW_SPACE}ms"


def visible(text: str) -> str:
    """Returns text with every control character and direction mark spelled out: none may reorder what is read."""
    return "".join(mark if mark.isprintable() or mark == "\n" else f"\\u{ord(mark):04x}" for mark in text)


def bars(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the four bars of the picture: name, note, kind, and what was measured."""
    simple = report["baselines"]
    return [
        {"name": "After", "note": "the fine-tuned model", "kind": "after", **report["tuned"]},
        {"name": "Before", "note": "the base model", "kind": "before", **report["base"]},
        {"name": "Lookup", "note": "by the alert's name, no model", "kind": "simple", **simple["lookup"]},
        {"name": "Majority", "note": "the most frequent call, no model", "kind": "simple", **simple["majority"]},
    ]


def _title(alert: str) -> str:
    return alert or "an alert that the runbook does not know"


def grouped(report: Mapping[str, Any], key: str) -> list[dict[str, Any]]:
    """Returns per function, alert or kind of name the rows and how many each side has right; the weakest first."""
    after, before, lookup = report["tuned"][key], report["base"][key], report["baselines"]["lookup"][key]
    groups = [
        {
            "name": _title(name),
            "rows": counts["rows"],
            "after": counts["right"],
            "interval": counts["interval"],
            "before": before[name]["right"],
            "lookup": lookup[name]["right"],
        }
        for name, counts in after.items()
    ]
    return sorted(groups, key=lambda group: (group["after"] / group["rows"], group["name"]))


def by_answer(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns `grouped` by what the right answer is made of, in words; nothing where the rows do not tell."""
    groups = grouped(report, "per_answer") if "per_answer" in report["tuned"] else []
    return [group | {"name": ANSWERS.get(group["name"], group["name"])} for group in groups]


def uncovered(measured: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Returns of the alerts that nothing covers those that got a call, with it, and the names of the others."""
    if measured is None:
        return None
    called = measured["tuned"]["called"]
    shown = [
        {"name": _title(alert), "rows": each["rows"], "count": each["count"], "answer": _views(each["answer"])}
        for alert, each in called.items()
    ]
    quiet = [_title(alert) for alert in measured["alerts"] if alert not in called]
    return {"rows": measured["rows"], "called": shown, "quiet": quiet}


def guards(report: Mapping[str, Any]) -> list[tuple[str, int, int]]:
    """Returns in words what the client stopped of both models' answers: after and before; nothing if unknown."""
    after, before = report["tuned"].get("guard"), report["base"].get("guard")
    if not after or not before:
        return []
    stopped = [(f"{kind} calls stopped", after["stopped"][kind], before["stopped"][kind]) for kind in STOPPED]
    refused = [(REFUSED[kind], after["refused"][kind], before["refused"][kind]) for kind in after["refused"]]
    return [*stopped, *refused]


def _views(calls: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return compared([Call(call["name"], call["arguments"]) for call in calls], [])


def arguments(report: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns per argument of a function how often it is expected, and how often each side gives it; weakest first."""
    after, before = report["tuned"]["per_argument"], report["base"]["per_argument"]
    lookup = report["baselines"]["lookup"]["per_argument"]
    groups = [
        {
            "name": name.replace(" ", ": "),
            "rows": counts["expected"],
            "after": counts["right"],
            "interval": counts["interval"],
            "before": before[name]["right"],
            "lookup": lookup[name]["right"],
        }
        for name, counts in after.items()
    ]
    return sorted(groups, key=lambda group: (group["after"] / group["rows"], group["name"]))


def confusion(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Returns the matrix of expected by answered labels: columns, and per row its name, total and cells."""
    found = {name for row in counts.values() for name in row} | set(counts)
    columns = sorted(found, key=lambda name: (name == UNREADABLE, name == NO_CALL, name))
    rows = [
        {
            "name": name,
            "total": sum(counts[name].values()),
            "cells": [{"count": counts[name].get(column, 0), "same": column == name} for column in columns],
        }
        for name in columns
        if name in counts
    ]
    return {"columns": columns, "rows": rows}


def failures(base: Sequence[Judged], tuned: Sequence[Judged]) -> list[dict[str, Any]]:
    """Returns every row that the fine-tuned model has wrong; those that the base model had right come first."""
    pairs = [(before, after) for before, after in zip(base, tuned, strict=True) if after.verdict != RIGHT]
    pairs.sort(key=lambda pair: (pair[0].verdict != RIGHT, pair[1].question.alert, pair[1].question.id))
    return [_failure(before, after) for before, after in pairs]


def _failure(before: Judged, after: Judged) -> dict[str, Any]:
    question, answer = after.question, after.reading
    return {
        "id": question.id,
        "alert": _title(question.alert),
        "is_unseen": question.split == UNSEEN_ALERTS,
        "is_uncovered": question.split == UNCOVERED_ALERTS,
        "content": question.content,
        "verdict": after.verdict,
        "was_right": before.verdict == RIGHT,
        "before": before.verdict,
        "expected": compared(question.expected, answer.calls),
        "got": compared(answer.calls, question.expected, name_missing=True),
        "fault": answer.fault,
        "text": after.text,
        "expected_label": label(question.expected),
    }


def compared(calls: Sequence[Call], others: Sequence[Call], name_missing: bool = False) -> list[dict[str, Any]]:
    """Returns calls with, for each part, what differs from the call in the same place among others, if there are any.

    name_missing: list the arguments too that only the other call has.
    """
    views = []
    for place, call in enumerate(calls):
        other = others[place] if place < len(others) else Call("", {}) if others else call
        keys = sorted(call.arguments.keys() | (other.arguments.keys() if name_missing else set()))
        views.append(
            {
                "name": call.name,
                "name_differs": call.name != other.name,
                "arguments": [_argument(key, call.arguments, other.arguments) for key in keys],
            }
        )
    return views


def _argument(key: str, own: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    if key not in own:
        return {"key": key, "state": "missing", "parts": ("", "", "")}
    text = _json(own[key])
    if key not in other:
        return {"key": key, "state": "extra", "parts": ("", text, "")}
    parts = split_difference(text, _json(other[key]))
    return {"key": key, "state": "differs" if text != _json(other[key]) else "same", "parts": parts}


def split_difference(text: str, other: str) -> tuple[str, str, str]:
    """Returns text in three parts: what other begins with too, what differs, what other ends with too.

    Texts that share less than half differ as a whole, as does one that only lacks something.
    """
    if text == other:
        return text, "", ""
    start = _shared_length(text, other)
    end = _shared_length(text[start:][::-1], other[start:][::-1])
    if start + end == len(text) or 2 * (start + end) < max(len(text), len(other)):
        return "", text, ""
    return text[:start], text[start : len(text) - end], text[len(text) - end :]


def _shared_length(text: str, other: str) -> int:
    pairs = enumerate(zip(text, other, strict=False))
    return next((place for place, (one, two) in pairs if one != two), min(len(text), len(other)))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)
