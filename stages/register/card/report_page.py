"""The evaluation's report with the champion in it: what evaluate could not know."""

import json
from html import escape
from pathlib import Path
from typing import Any

from shared.artifacts import Evaluation
from stages.register.gate import figures
from stages.register.gate.comparison import Comparison

MARK = "<!-- champion -->"  # where report.html leaves room for it
_BAR = """<div class="bar simple">
  <div class="who"><b>Champion</b><span>{version}, on the {common} rows that both answered</span></div>
  <div class="track"><i style="width:{width:.2f}%"></i></div>
  <div class="number">{percent}</div>
</div>
<p class="caption">Of those rows this model has {right} right, and the champion {champion_right}{difference}. This model
alone has {gained} right, the champion alone {lost}.{unseen}</p>"""


def with_champion(evaluation: Evaluation, comparison: Comparison | None, folder: Path) -> list[Path]:
    """Writes report.html and report.json to folder, with the comparison where there is one, and returns them."""
    page, report = folder / "report.html", folder / "report.json"
    text, known = (evaluation.path / page.name).read_text("utf-8"), evaluation.report()
    if comparison:
        text, known = text.replace(MARK, _bar(comparison), 1), known | {"champion": _numbers(comparison)}
    page.write_text(text, "utf-8")
    report.write_text(json.dumps(known, indent=2) + "\n", "utf-8")
    return [page, report]


def _numbers(comparison: Comparison) -> dict[str, Any]:
    return {"champion": comparison.champion, **comparison.counts(), **comparison.measures()}


def _bar(comparison: Comparison) -> str:
    share = comparison.champion_right / comparison.common if comparison.common else 0.0
    unseen = comparison.unseen
    return _BAR.format(
        version=escape(comparison.champion),
        common=comparison.common,
        width=100 * share,
        percent=f"{100 * share:.0f}\u202f%" if comparison.common else "–",
        right=comparison.right,
        champion_right=comparison.champion_right,
        difference=escape(f" ({figures.difference(comparison)})") if comparison.common else "",
        gained=comparison.gained,
        lost=comparison.lost,
        unseen=f" {unseen} rows it has not seen." if unseen else "",
    )
