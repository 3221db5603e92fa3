"""Entrypoint of dataset: read the repository, find what each alert teaches, write the rows.

The library that writes the splits takes seconds to import: it is imported when there are rows, so that
`--help` and a mistake are told at once.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from shared import stage
from shared.artifacts import SPLITS, ChatDataset
from shared.errors import StageError, one_line
from stages.dataset.agent_config import AgentConfig, read_config
from stages.dataset.calls.remedies import Remedy, Skipped, find_remedies
from stages.dataset.calls.tools import Tools, read_tools
from stages.dataset.contract import Inputs, Outputs
from stages.dataset.rows.card import summarise, write_card
from stages.dataset.rows.examples import Row, make_rows, prompt_file
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.source import Source, opened, read_source


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Makes the dataset of one agent at one revision. Raises StageError for what a person can mend."""
    with opened(inputs.repository) as repo:
        source = read_source(repo, inputs.repository, inputs.revision, inputs.agent_name, inputs.runbook_path)
    log(f"reading {source.runbook_path} as of commit {source.commit[:8]}")
    config = read_config(source.config, source.config_path)
    tools = read_tools(source.tools, source.tools_path)
    remedies, skipped = _remedies(source, tools)
    rows = make_rows(remedies, tools, prompt_file(tools), inputs.examples_per_alert, inputs.seed)
    dataset = _write(outputs / "dataset", inputs.agent_name, source, config, tools, rows, skipped)
    log(f"{len(remedies)} alerts, {len(rows)} rows, {len(skipped)} alerts skipped")
    return Outputs(dataset, source.commit, len(rows))


def log(line: str) -> None:
    """Prints one line of the log; what a repository holds cannot move the cursor or start a second line."""
    print(one_line(line), file=sys.stderr, flush=True)


def _remedies(source: Source, tools: Tools) -> tuple[list[Remedy], list[Skipped]]:
    alerts = read_runbook(source.runbook, source.runbook_path)
    if not alerts:
        hint = "head each one with its name, such as `## Alert: PodCrashLooping`"
        raise StageError(f"{source.runbook_path} documents no alert; {hint}")
    remedies, skipped = find_remedies(alerts, tools)
    for entry in skipped:
        log(f"skipped {entry.name}, line {entry.line}: {entry.reason}")
    if not remedies:
        raise StageError(
            f"no alert of {source.runbook_path} teaches a call: {skipped[0].name} {skipped[0].reason}; "
            f"add templates to {source.tools_path}"
        )
    return remedies, skipped


def _write(
    folder: Path,
    agent: str,
    source: Source,
    config: AgentConfig,
    tools: Tools,
    rows: Sequence[Row],
    skipped: Sequence[Skipped],
) -> ChatDataset:
    from stages.dataset.rows.split_files import write_splits

    folder.mkdir()
    for split in SPLITS:
        if not any(row.split == split for row in rows):
            raise StageError(f"the split {split} would be empty; raise examples_per_alert or add alerts to the runbook")
    write_splits(rows, folder)
    (folder / "prompt.json").write_text(prompt_file(tools).to_json(), "utf-8")
    (folder / "agent.json").write_text(_agent_json(agent, source, config), "utf-8")
    write_card(summarise(agent, source, rows, skipped, folder), folder)
    return ChatDataset(folder)


def _agent_json(agent: str, source: Source, config: AgentConfig) -> str:
    known: dict[str, Any] = {
        "agent": agent,
        "repository": source.repository,
        "commit": source.commit,
        "committed": source.committed.isoformat(),
        "runbook": {"path": source.runbook_path, "sha256": source.runbook_sha256},
        "config": config.settings(),
    }
    return json.dumps(known, indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    stage.main("dataset", run)
