"""The dataset card: what is in it, what was skipped and why, and where it comes from."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared.artifacts import SPLITS
from shared.errors import printable
from stages.dataset.calls.remedies import Skipped
from stages.dataset.rows.examples import Row
from stages.dataset.source import Source

_FRONT_MATTER = """---
configs:
- config_name: default
  data_files:
  - split: train
    path: train.jsonl
  - split: validation
    path: valid.jsonl
  - split: test
    path: test.jsonl
---
"""


def summarise(
    agent: str, source: Source, rows: Sequence[Row], skipped: Sequence[Skipped], folder: Path
) -> dict[str, Any]:
    """Returns the card as data. folder holds the split files, whose sha256 it tells."""
    return {
        "agent": agent,
        "source": {"runbook": source.runbook_path, "commit": source.commit, "committed": source.committed.isoformat()},
        "rows": {split: sum(row.split == split for row in rows) for split in SPLITS},
        "alerts": _by_split(rows, [row.alert for row in rows]),
        "functions": _by_split(rows, [row.function for row in rows]),
        "skipped": [vars(entry) for entry in skipped],
        "longest_row_characters": max(len(row.prompt) + len(row.completion) for row in rows),
        "sha256": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.json*"))},
    }


def write_card(card: dict[str, Any], folder: Path) -> None:
    """Writes card.json and README.md, which the Hugging Face hub shows as the dataset's page."""
    (folder / "card.json").write_text(json.dumps(card, indent=2, sort_keys=True) + "\n")
    (folder / "README.md").write_text(_FRONT_MATTER + _page(card), "utf-8")


def _page(card: dict[str, Any]) -> str:
    source = card["source"]
    return "\n".join(
        [
            f"# Training rows for {card['agent']}",
            "",
            f"Made from `{source['runbook']}` as of commit `{source['commit']}` ({source['committed']}).",
            "A prompt is an alert as Alertmanager delivers it; a completion is the call that the runbook teaches.",
            "Label values belong to one split by their hash: none of a test row was seen in training.",
            "",
            *_table("split", {split: {"rows": count} for split, count in card["rows"].items()}, ("rows",)),
            *_table("alert", card["alerts"], SPLITS),
            *_table("function", card["functions"], SPLITS),
            "## Skipped",
            "",
            *(
                f"- line {entry['line']}: {_plain(entry['name'])}: {_plain(entry['reason'])}"
                for entry in card["skipped"]
            ),
            *([] if card["skipped"] else ["Nothing."]),
            "",
        ]
    )


def _by_split(rows: Sequence[Row], keys: Sequence[str]) -> dict[str, dict[str, int]]:
    counts = Counter((key, row.split) for key, row in zip(keys, rows, strict=True))
    return {key: {split: counts[key, split] for split in SPLITS} for key in dict.fromkeys(keys)}


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
