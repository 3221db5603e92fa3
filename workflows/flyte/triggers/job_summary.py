"""What a GitHub Actions job shows of a started execution, and hands on to later steps.

The files that the runner names: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path

from shared.contract import Scalar, to_text
from shared.errors import one_line

SUMMARY, OUTPUT = "GITHUB_STEP_SUMMARY", "GITHUB_OUTPUT"
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~@:$^=])")
_HTML = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_ADDRESS = re.compile(r"https?://[\w.~:/?#@!$&'*+,;=%\[\]-]+", re.ASCII)


def write_summary(title: str, rows: Mapping[str, Scalar]) -> None:
    """Appends a heading and a table to the job's summary, where a runner asks for one."""
    _append(SUMMARY, markdown(title, rows))


def write_outputs(values: Mapping[str, str]) -> None:
    """Gives values to the job's later steps, as `steps.<id>.outputs.<name>`, where a runner asks for them."""
    _append(OUTPUT, "".join(f"{name}={one_line(value)}\n" for name, value in values.items()))


def markdown(title: str, rows: Mapping[str, Scalar]) -> str:
    """Returns a heading and a table of what is not empty. Addresses are links; all else is shown as it is written."""
    lines = [f"| {_shown(name)} | {_cell(to_text(value))} |" for name, value in rows.items() if value != ""]
    return "\n".join([f"### {_shown(title)}", "", "| | |", "|---|---|", *lines, "", ""])


def _cell(text: str) -> str:
    return f"[{_shown(text)}](<{text}>)" if _ADDRESS.fullmatch(text) else _shown(text)


def _shown(text: str) -> str:
    """Returns Markdown that shows text, without markup, links, mentions and HTML of its own."""
    return _MARKDOWN.sub(r"\\\1", "".join(_HTML.get(character, character) for character in one_line(text)))


def _append(variable: str, text: str) -> None:
    if file := os.environ.get(variable):
        with Path(file).open("a", encoding="utf-8") as stream:
            stream.write(text)
