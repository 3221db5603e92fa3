"""What watch looks at. Every finding says whether it asks for a training, and how the numbers say so."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from shared import names, sentences
from shared.errors import one_line
from stages.watch.cause import Kind, Today
from stages.watch.contract import Inputs
from stages.watch.live_metric import Reading
from stages.watch.standing import Standing

SHOWN = 3  # alerts that a finding names
MAX_NAME = 60  # characters of one


class Finding(NamedTuple):
    """One thing that was looked at: whether it asks for a training, and what the champion has, knows or is."""

    kind: Kind
    asks: bool
    text: str


def find(standing: Standing | None, live: Reading | None, inputs: Inputs, today: Today) -> Iterator[Finding]:
    """Yields every finding, in the order of the kinds.

    standing: None without a champion. live: None where there is no live metric to look at.
    """
    if standing is None:
        yield Finding(Kind.NO_CHAMPION, True, "has no champion yet")
        return
    yield _answers(standing, inputs.retrain_below)
    yield _alerts(standing, inputs.most_unseen_alerts)
    if live:
        yield _live_metric(live, inputs.live_metric_minimum)
    yield _age(standing, inputs.retrain_after_days)
    if inputs.trigger != "watch":
        yield from _changes(standing, today)


def _answers(standing: Standing, least: float) -> Finding:
    if not standing.known:
        told = f"answered none of today's {sentences.rows(standing.rows)}, as every prompt is new to it"
        return Finding(Kind.NEW_PROMPTS, True, told)
    shown, bound = sentences.apart(standing.accuracy, least)
    is_below = standing.accuracy < least
    wrong = f"; none of {_named(standing.wrong)}" if standing.wrong else ""
    new = f"; {standing.rows - standing.known} more are new to it" if standing.known < standing.rows else ""
    numbers = f"{shown}, {'below' if is_below else 'at least'} {bound}{wrong}{new}"
    right = f"has {standing.right} of {sentences.rows(standing.known)} right today ({numbers})"
    return Finding(Kind.ACCURACY, is_below, right)


def _alerts(standing: Standing, most: int) -> Finding:
    count, total = len(standing.unseen), f"{standing.alerts} alert{'' if standing.alerts == 1 else 's'}"
    if not count:
        return Finding(Kind.UNSEEN_ALERTS, False, f"knows all {total}")
    is_more = count > most
    bound = f"{'more than' if is_more else 'at most'} {most}"
    return Finding(Kind.UNSEEN_ALERTS, is_more, f"never saw {count} of {total}, {bound} ({_named(standing.unseen)})")


def _live_metric(live: Reading, least: float) -> Finding:
    if live.value is None:
        return Finding(Kind.LIVE_METRIC, False, f"has no live metric ({live.absence})")
    shown, bound = sentences.apart(live.value, least)
    is_below = live.value < least
    standing = "below" if is_below else "at least"
    return Finding(Kind.LIVE_METRIC, is_below, f"has a live metric of {shown}, {standing} {bound}")


def _age(standing: Standing, most: int) -> Finding:
    age = standing.age_days
    is_old = 0 < most < age
    shown = f"{age:.1f}" if is_old and round(age) <= most else f"{age:.0f}"
    bound = f", {'more than' if is_old else 'at most'} {most}" if most else ""
    return Finding(Kind.AGE, is_old, f"is {shown} day{'' if shown == '1' else 's'} old{bound}")


def _changes(standing: Standing, today: Today) -> Iterator[Finding]:
    commit, train = standing.tags.get("runbook_commit", ""), standing.tags.get("stage.train", "")
    is_other = standing.tags.get(names.DATASET_TAG) != today.digest
    which = f"of commit {commit[:8]}, not of {today.commit[:8]}" if commit != today.commit else "of the same commit"
    told = f"was trained on other rows than today's ({which})" if is_other else "was trained on today's rows"
    yield Finding(Kind.NEW_INPUTS, is_other, told)
    if train and today.train:
        is_new = train != today.train
        told = f"was trained by train {train}, which is {today.train} today" if is_new else f"by train {train}"
        yield Finding(Kind.NEW_TRAIN, is_new, told)


def _named(alerts: Sequence[str]) -> str:
    """Returns the first alerts by name, and how many more there are."""
    shown = [_short(name) for name in alerts[:SHOWN]]
    return ", ".join([*shown, f"{len(alerts) - SHOWN} more"] if len(alerts) > SHOWN else shown)


def _short(name: str) -> str:
    shown = one_line(name)
    return shown if len(shown) <= MAX_NAME else f"{shown[:MAX_NAME]}…"
