"""The dataset card: what is in it, what was left out and why, and where it comes from."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from shared.artifacts import ALL_SPLITS, UNCOVERED_ALERTS, UNSEEN_ALERTS
from shared.errors import printable
from stages.dataset.calls.remedies import Findings
from stages.dataset.calls.remedy import Skipped
from stages.dataset.rows.row import Row
from stages.dataset.runbook.alert import Alert, place_of
from stages.dataset.source import Source

_CONFIG = "configs:\n- config_name: default\n  data_files:"
_NAMES = {"valid": "validation"}


def summarise(
    agent: str,
    source: Source,
    findings: Findings,
    rows: Sequence[Row],
    dropped: Mapping[str, int],
    folder: Path,
    without_alert: Sequence[str] = (),
) -> dict[str, Any]:
    """Returns the card as data. folder holds the split files, whose sha256 it tells.

    dropped: how many rows were left out as duplicates and for the balance, how many are alike in two splits, and how
    many secrets were redacted.
    without_alert: the pages that document none, of a runbook of several.
    """
    return {
        "agent": agent,
        "source": {
            "runbook": source.runbook_path,
            "commit": source.commit,
            "committed": source.committed.isoformat(),
            **_pages(source, without_alert),
        },
        "rules": [rule.path for rule in source.rules],
        **_counted(rows),
        "unseen_alerts": sorted({row.alert for row in rows if row.split == UNSEEN_ALERTS}),
        "constants": sorted({row.alert for row in rows if row.answer == "constant"}),
        "uncovered_alerts": {
            "all": len(findings.uncovered),
            "only_tested": sorted({row.alert for row in rows if row.split == UNCOVERED_ALERTS}),
        },
        "skipped": list(map(_skipped, findings.skipped)),
        "warnings": findings.all_warnings,
        "dropped": dict(dropped),
        "row_characters": _lengths([len(row.prefix) + len(row.turn) + len(row.completion) for row in rows]),
        "sha256": {path.name: _sha256(path) for path in sorted(folder.glob("*.json*"))},
    }


def _counted(rows: Sequence[Row]) -> dict[str, Any]:
    """Returns how many rows there are of each kind, by split, and how often each function is called in training."""
    return {
        "rows": {split: sum(row.split == split for row in rows) for split in ALL_SPLITS},
        "alerts": _by_split(rows, [row.alert or "(unknown)" for row in rows]),
        "functions": _by_split(rows, [row.function or "(no call)" for row in rows]),
        "alertname": _by_split(rows, [row.alertname for row in rows]),
        "answer": _by_split(rows, [row.answer for row in rows]),
        "function_share": _shares([row for row in rows if row.split == "train" and row.function]),
    }


def _skipped(entry: Skipped) -> dict[str, Any]:
    told = {"name": entry.name, "line": entry.line, "reason": entry.reason, "kind": entry.kind}
    return told | _where(entry.alert)


def write_card(card: dict[str, Any], folder: Path) -> None:
    """Writes card.json and README.md, which the Hugging Face hub shows as the dataset's page."""
    (folder / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n")
    (folder / "README.md").write_text(_front_matter(card) + _page(card), "utf-8")


def _front_matter(card: dict[str, Any]) -> str:
    files = [
        f"  - split: {_NAMES.get(split, split)}\n    path: {split}.jsonl" for split in ALL_SPLITS if card["rows"][split]
    ]
    kinds = "task_categories:\n- text-generation\ntags:\n- function-calling\n- runbook\nlanguage:\n- en"
    return "\n".join(["---", kinds, _CONFIG, *files, "---", ""])


def _page(card: dict[str, Any]) -> str:
    source, lengths, dropped = card["source"], card["row_characters"], card["dropped"]
    shares = ", ".join(f"{_plain(name)} {share:.0%}" for name, share in card["function_share"].items())
    return "\n".join(
        [
            f"# Training rows for {card['agent']}",
            "",
            f"Made from {_runbook(source)} as of commit `{source['commit']}` ({source['committed']}).",
            "A prompt is a notification as Alertmanager delivers it; a completion is the call that the runbook",
            "teaches, or the sentence that none is due.",
            "",
            "Label values belong to one split by their hash: none of a test row was seen in training.",
            "`test_unseen_alerts` holds whole alerts that training never saw, whose function another alert teaches;",
            "`test_uncovered_alerts` those of alerting rules with neither a page nor a function, which want no call.",
            "",
            *_table("split", {split: {"rows": count} for split, count in card["rows"].items()}, ("rows",)),
            *_table("alert", card["alerts"], ALL_SPLITS),
            *_table("function", card["functions"], ALL_SPLITS),
            *_table("name of the alert", card["alertname"], ALL_SPLITS),
            *_table("answer", card["answer"], ALL_SPLITS),
            *_constants(card["constants"]),
            f"Of the training rows with a call: {shares}.",
            "",
            f"A row has {lengths['least']} to {lengths['most']} characters, half of them up to {lengths['median']}, "
            f"95 of 100 up to {lengths['p95']}. The training stage checks tokens.",
            "",
            f"Left out: {dropped['duplicates']} near-duplicate rows, {dropped['balance']} rows of a function that had",
            f"too many. Nearly the same in two splits, as their call has fixed names: {dropped['alike']} rows.",
            f"Secrets redacted in the runbook: {dropped['secrets']}.",
            "",
            "## Alerts that teach no call",
            "",
            *(
                f"- {place}: {_plain(entry['name'])}: {_plain(entry['reason'])}"
                for entry in card["skipped"]
                for place in (_plain(place_of(entry.get("page", ""), entry["line"])),)
            ),
            *([] if card["skipped"] else ["None."]),
            "",
            *(["## Warnings", "", *(f"- {_plain(text)}" for text in card["warnings"]), ""] if card["warnings"] else []),
        ]
    )


def _constants(alerts: Sequence[str]) -> list[str]:
    """Returns what is told of alerts whose call no label fills."""
    if not alerts:
        return []
    names = ", ".join(map(_plain, alerts))
    return [f"A call with fixed names answers {names}: what is tested there is memory, and is measured apart.", ""]


def _pages(source: Source, without_alert: Sequence[str]) -> dict[str, Any]:
    """Returns what is told of pages, of a runbook of several."""
    if len(source.pages) == 1:
        return {}
    return {"pages": [page.path for page in source.pages], "pages_without_alert": list(without_alert)}


def _where(alert: Alert) -> dict[str, str]:
    return {"page": alert.page} if alert.page else {}


def _runbook(source: Mapping[str, Any]) -> str:
    name = f"`{printable(source['runbook'])}`"
    if "pages" not in source:
        return name
    return f"{name} ({len(source['pages'])} pages, of which {len(source['pages_without_alert'])} document no alert)"


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _by_split(rows: Sequence[Row], keys: Sequence[str]) -> dict[str, dict[str, int]]:
    counts = Counter((key, row.split) for key, row in zip(keys, rows, strict=True))
    return {key: {split: counts[key, split] for split in ALL_SPLITS} for key in dict.fromkeys(keys)}


def _shares(rows: Sequence[Row]) -> dict[str, float]:
    counts = Counter(row.function for row in rows)
    return {name: round(count / len(rows), 4) for name, count in counts.most_common()}


def _lengths(lengths: Sequence[int]) -> dict[str, int]:
    ordered = sorted(lengths)
    return {
        "least": ordered[0],
        "median": int(median(ordered)),
        "p95": ordered[int(0.95 * (len(ordered) - 1))],
        "most": ordered[-1],
    }


def _table(title: str, lines: dict[str, dict[str, int]], columns: Sequence[str]) -> list[str]:
    head = [f"| {title} | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
    return [
        *head,
        *(f"| {_plain(key)} | {' | '.join(str(line[c]) for c in columns)} |" for key, line in lines.items()),
        "",
    ]


def _plain(text: str) -> str:
    """Returns text that Markdown and HTML take literally."""
    return "".join(f"\\{character}" if character in "\\`*_[]<>|#" else character for character in printable(text))
