"""What a notification of an alert may say: its symptoms, else what it means, without what cannot be written out."""

import re
from collections.abc import Iterator

from stages.dataset.rows.annotations.template import why_not
from stages.dataset.runbook.alert import Alert, Section


def candidates(alert: Alert) -> list[tuple[Section, str]]:
    """Returns the texts that tell how an alert looks, each with its section: symptoms, else first sentences."""
    symptoms = [(section, text) for section in alert.sections if section.kind == "symptoms" for text in section.texts]
    meaning = (section for section in alert.sections if section.kind == "meaning")
    return symptoms or [(section, _first_sentence(text)) for section in meaning for text in section.texts]


def left_out(alert: Alert) -> Iterator[tuple[int, str]]:
    """Yields the line of the section of each text that cannot be written out, and what it holds.

    Where a rule says how its alert looks, its annotations count; their line is the alert's.
    """
    annotations = alert.firing.annotations.values() if alert.firing else ()
    told = [(alert.line, text) for text in annotations] or [(section.line, text) for section, text in candidates(alert)]
    for line, text in told:
        if reason := why_not(text):
            yield line, reason


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=[.!?])\s", text, maxsplit=1)[0]
