"""What the model card's table tells: shares and counts of the base model and of this one, with their intervals."""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.artifacts import UNCOVERED_ALERTS, UNSEEN_ALERTS
from stages.register.gate import figures

SIDES = ("base", "tuned")
MEASURES = {
    "accuracy": "rows whose calls are exactly right",
    "name_accuracy": "rows whose functions are right",
    "argument_accuracy": "arguments that are right",
    "valid_call_rate": "answers that could be carried out",
}
CALLS = {
    "false_calls": "false calls: alerts that want none and got one",
    "missed_calls": "missed calls: alerts that want one and got none",
}
ANSWERS = {
    "filled": "rows exactly right, calls with names from the alert",
    "constant": "rows exactly right, calls with fixed names (memory)",
    "none": "rows exactly right, no call",
}
WHOLE_ALERTS = {
    UNSEEN_ALERTS: "rows exactly right, of alerts that training never saw",
    UNCOVERED_ALERTS: "rows rightly without a call, of alerts that no page and no function covers",
}


def measures(report: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yields the rows of the table, each with its title; what a report does not tell is left out."""
    for key, title in MEASURES.items():
        if all(report[side].get(key) is not None for side in SIDES):
            yield {"title": title, "before": _measure(report["base"], key), "after": _measure(report["tuned"], key)}
    yield from _calls(report)
    yield from _by_answer(report)
    for split, title in WHOLE_ALERTS.items():
        if part := report.get(split):
            before, after = (_measure(part[side], "accuracy") for side in SIDES)
            yield {"title": title, "before": before, "after": after}


def _calls(report: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for key, title in CALLS.items():
        if all(report[side].get(key, {}).get("rows") for side in SIDES):
            before, after = (_counted(report[side][key], "count") for side in SIDES)
            yield {"title": title, "before": before, "after": after}


def _by_answer(report: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    told = report["tuned"].get("per_answer", {})
    for key, title in ANSWERS.items():
        if key in told:
            before, after = (_counted(report[side]["per_answer"][key], "right") for side in SIDES)
            yield {"title": title, "before": before, "after": after}


def _counted(told: Mapping[str, Any], key: str) -> str:
    """Returns a count of rows with its share and interval: `2 of 40, 5.0 % (1.4 to 16.5 %)`."""
    count, rows = told[key], told["rows"]
    return f"{count} of {rows}, {figures.percent(count / rows)} ({figures.between(told['interval'])})"


def _measure(side: Mapping[str, Any], key: str) -> str:
    interval = side.get("intervals", {}).get(key)
    return figures.percent(side[key]) + (f" ({figures.between(interval)})" if interval else "")
