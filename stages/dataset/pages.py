"""The pages of a runbook as its alerts: each page is read by itself, and its links lead nowhere."""

from collections.abc import Sequence
from dataclasses import replace

from stages.dataset.files import Page
from stages.dataset.runbook.alert import Alert
from stages.dataset.runbook.reader import read_runbook


def read_pages(pages: Sequence[Page]) -> tuple[list[Alert], list[str]]:
    """Returns the alerts of all pages, and the paths of those that document none.

    Of a single page, alerts and commands name no page: a line is enough to find them.
    """
    if len(pages) == 1:
        return read_runbook(pages[0].text, pages[0].path), []
    alerts: list[Alert] = []
    without: list[str] = []
    for page in pages:
        found = [of_page(alert, page.path) for alert in read_runbook(page.text, page.path)]
        alerts += found
        without += [] if found else [page.path]
    return alerts, without


def of_page(alert: Alert, path: str) -> Alert:
    """Returns an alert that names its page, as its commands do."""
    return replace(alert, page=path, commands=[replace(command, page=path) for command in alert.commands])
