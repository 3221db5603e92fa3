"""report.html."""

from typing import Any


def render_page(report: dict[str, Any], base: Any, tuned: Any) -> str:
    return "<!doctype html><title>report</title>"
