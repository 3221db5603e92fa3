"""Entrypoint of dataset: read the repository, find what each alert teaches, write the rows."""

import dataclasses
import gc
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shared import names, stage
from shared.artifacts import ChatDataset
from shared.asking.call_policy import FILE as CALLS_FILE
from shared.errors import one_line
from stages.dataset.agent_config import AgentConfig
from stages.dataset.call_policy import call_policy
from stages.dataset.calls.remedies import Findings
from stages.dataset.calls.tools import Tools
from stages.dataset.contract import Inputs, Outputs
from stages.dataset.rows.card import summarise, write_card
from stages.dataset.rows.drawing import draw_rows, sampling_of
from stages.dataset.rows.examples import prompt_file
from stages.dataset.rows.row import Row
from stages.dataset.rows.split_files import write_splits
from stages.dataset.secrets.reporting import FoundIn, by_file, telling_no_secret
from stages.dataset.source import Source, opened, read_source
from stages.dataset.study import study


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Makes the dataset of one agent at one revision. Raises StageError for what a person can mend."""
    with telling_no_secret(), _without_garbage_collection():
        return _run(inputs, outputs)


def _run(inputs: Inputs, outputs: Path) -> Outputs:
    with opened(inputs.repository) as repo:
        source = read_source(repo, inputs.repository, inputs.revision, inputs.agent_name, inputs.runbook_path)
    pages = f", {len(source.pages)} pages," if len(source.pages) > 1 else ""
    log(f"reading {source.runbook_path}{pages} as of commit {source.commit[:8]}")
    studied = study(source, inputs.agent_name)
    if studied.findings:
        _log_findings(studied.findings, studied.secrets, studied.without_alert)
    config, tools, findings = studied.sound()
    source = dataclasses.replace(source, **vars(studied.files))
    rows, dropped = draw_rows(findings, tools, sampling_of(inputs))
    dataset = _write(outputs / "dataset", inputs.agent_name, source, config, tools, findings, rows)
    dropped |= {"secrets": len(studied.secrets)}
    card = summarise(inputs.agent_name, source, findings, rows, dropped, dataset.path, studied.without_alert)
    write_card(card, dataset.path)
    log(f"{len(findings.remedies)} alerts, {len(rows)} rows, {len(findings.skipped)} alerts teach no call")
    return Outputs(dataset, source.commit, len(rows))


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Keeps Python from looking for cycles: alerts and rows make none, but there are ever more of them to look at."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def log(line: str) -> None:
    """Prints one line of the log; what a repository holds cannot move the cursor or start a second line."""
    print(one_line(line), file=sys.stderr, flush=True)


def _log_findings(findings: Findings, secrets: Sequence[FoundIn], without_alert: Sequence[str]) -> None:
    for entry in findings.skipped:
        log(f"no call: {entry.name}, {entry.alert.place}: {entry.reason}")
    if without_alert:
        log(f"{len(without_alert)} pages document no alert: {', '.join(without_alert)}")
    for warning in findings.all_warnings:
        log(f"warning: {warning}")
    for told in findings.coverage.lines():
        log(told)
    for told in by_file(secrets):
        log(f"warning: {told}")
    if secrets:
        log(f"warning: {len(secrets)} secrets were redacted; take them out, and revoke them")


def _write(
    folder: Path,
    agent: str,
    source: Source,
    config: AgentConfig,
    tools: Tools,
    findings: Findings,
    rows: Sequence[Row],
) -> ChatDataset:
    folder.mkdir()
    write_splits(rows, folder)
    (folder / "prompt.json").write_text(prompt_file(tools).to_json(), "utf-8")
    (folder / CALLS_FILE).write_text(call_policy(findings.remedies, tools).to_json(), "utf-8")
    (folder / "agent.json").write_text(_agent_json(agent, source, config), "utf-8")
    return ChatDataset(folder)


def _agent_json(agent: str, source: Source, config: AgentConfig) -> str:
    known: dict[str, Any] = {
        "agent": agent,
        "repository": source.repository,
        "commit": source.commit,
        "committed": source.committed.isoformat(),
        "runbook": {"path": source.runbook_path, "sha256": source.runbook_sha256, **_page_digests(source)},
        "config": config.settings(),
    }
    if source.fleet.agents != names.AGENTS:
        known["agents"] = source.fleet.agents
    return json.dumps(known, indent=2, sort_keys=True) + "\n"


def _page_digests(source: Source) -> dict[str, Any]:
    """Returns the sha256 of each page, of a runbook of several."""
    return {"pages": source.page_sha256} if len(source.pages) > 1 else {}


if __name__ == "__main__":
    stage.main("dataset", run)
