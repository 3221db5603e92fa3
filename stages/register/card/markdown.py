"""Texts of others in a Markdown page: they say what they say, and change nothing around them."""

import re

from shared.errors import one_line

_MARKS = re.compile(r"[\\`*_\[\]<>|#&~$]")
MAX_CODE = 200  # characters of a code span


def plain(text: str) -> str:
    """Returns text in which Markdown and HTML find no mark, on one line."""
    return _MARKS.sub(lambda mark: f"\\{mark[0]}", one_line(text))


def code(text: str) -> str:
    """Returns text as a code span on one line, cut where it is long; its fence is longer than each row of its ticks."""
    shown = one_line(text) or " "
    shown = shown if len(shown) <= MAX_CODE else f"{shown[:MAX_CODE]}…"
    fence = "`" * (1 + max(map(len, re.findall("`+", shown)), default=0))
    edge = " " if "`" in (shown[0], shown[-1]) else ""
    return f"{fence}{edge}{shown}{edge}{fence}"


def cell(span: str) -> str:
    """Returns a code span as it may stand in a table, whose columns a bar would split even there."""
    return span.replace("|", "\\|")
