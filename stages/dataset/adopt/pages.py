"""An index of runbook pages, each about one alert or a few: a Markdown list of links."""

from collections.abc import Sequence
from pathlib import PurePosixPath
from urllib.parse import quote

from shared.errors import one_line
from stages.dataset.adopt.texts import Repository
from stages.dataset.files import MAX_RUNBOOK
from stages.dataset.pages import of_page
from stages.dataset.runbook.alert import Alert
from stages.dataset.runbook.reader import read_runbook

INDEX = "INDEX.md"
FOLDER = "docs/runbooks"
_ENDINGS = (".md", ".mdx", ".markdown")
_NO_PAGES = ("INDEX", "INDEX.DRAFT", "README")


def page_paths(repository: Repository) -> tuple[str, list[str]]:
    """Returns the folder of pages, the agent's own or else the repository's, and their paths; '' without any."""
    for folder in (f"{repository.folder}/{FOLDER}", FOLDER):
        found = [path for path in repository.paths() if path.startswith(f"{folder}/") and path.endswith(_ENDINGS)]
        pages = [path for path in found if PurePosixPath(path).stem.upper() not in _NO_PAGES]
        if pages:
            return folder, pages
    return "", []


def read_pages(repository: Repository, paths: Sequence[str]) -> dict[str, list[Alert]]:
    """Returns the alerts of each page; those of one among several name it."""
    read = {path: read_runbook(repository.text(path, MAX_RUNBOOK), path) for path in paths}
    if len(read) == 1:
        return read
    return {path: [of_page(alert, path) for alert in alerts] for path, alerts in read.items()}


def index(folder: str, pages: dict[str, list[Alert]]) -> str:
    """Returns a Markdown list of the pages, in the order of their folders, with the alerts that each is about."""
    lines = ["# Runbooks", ""]
    above = ""
    for path, alerts in sorted(pages.items(), key=lambda page: (str(PurePosixPath(page[0]).parent), page[0])):
        below = path.removeprefix(f"{folder}/")
        section = str(PurePosixPath(below).parent)
        if section not in (".", above):
            above = section
            lines += ["", f"{_plain(section)}:", ""]
        named = ", ".join(_plain(name) for name in dict.fromkeys(alert.name for alert in alerts))
        lines.append(f"- [{_plain(PurePosixPath(below).stem)}]({quote(below)}){f': {named}' if named else ''}")
    return "\n".join([*lines, ""])


def _plain(text: str) -> str:
    return "".join(f"\\{character}" if character in "[]()<>*_`#!|\\" else character for character in one_line(text))
