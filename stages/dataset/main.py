"""Entrypoint of dataset: read the repository, find what each alert teaches, write the rows.

The library that writes the splits takes seconds to import: it is imported when there are rows, so that
`--help` and a mistake are told at once.
"""

import dataclasses
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from shared import names, stage
from shared.artifacts import SPLITS, UNSEEN_ALERTS, ChatDataset
from shared.errors import StageError, one_line
from stages.dataset.agent_config import AgentConfig, read_config
from stages.dataset.calls.remedies import Findings, find_remedies
from stages.dataset.calls.rules import RuleFile, read_rules
from stages.dataset.calls.tools import Tools, read_tools
from stages.dataset.contract import Inputs, Outputs
from stages.dataset.rows.card import summarise, write_card
from stages.dataset.rows.examples import Row, Sampling, make_rows, prompt_file
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.secrets.reporting import FoundIn, by_file, clean, telling_no_secret
from stages.dataset.source import Source, opened, read_source


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Makes the dataset of one agent at one revision. Raises StageError for what a person can mend."""
    with telling_no_secret():
        return _run(inputs, outputs)


def _run(inputs: Inputs, outputs: Path) -> Outputs:
    with opened(inputs.repository) as repo:
        source = read_source(repo, inputs.repository, inputs.revision, inputs.agent_name, inputs.runbook_path)
    log(f"reading {source.runbook_path} as of commit {source.commit[:8]}")
    source, secrets = without_secrets(source)
    config = read_config(source.config, source.config_path)
    _check_deploy(config, source, inputs.agent_name)
    tools = read_tools(source.tools, source.tools_path)
    config.check_floors(tools.names.functions, source.config_path, source.tools_path)
    findings = find(source, tools)
    _log_findings(findings, secrets)
    _check_taught(findings, source)
    rows, dropped = _rows(findings, tools, inputs)
    dataset = _write(outputs / "dataset", inputs.agent_name, source, config, tools, rows)
    card = summarise(inputs.agent_name, source, findings, rows, dropped | {"secrets": len(secrets)}, dataset.path)
    write_card(card, dataset.path)
    log(f"{len(findings.remedies)} alerts, {len(rows)} rows, {len(findings.skipped)} alerts teach no call")
    return Outputs(dataset, source.commit, len(rows))


def log(line: str) -> None:
    """Prints one line of the log; what a repository holds cannot move the cursor or start a second line."""
    print(one_line(line), file=sys.stderr, flush=True)


def without_secrets(source: Source) -> tuple[Source, list[FoundIn]]:
    """Returns the source with every secret of its texts redacted, and where each was."""
    found: list[FoundIn] = []
    clean_source = dataclasses.replace(
        source,
        runbook=clean(source.runbook_path, source.runbook, found),
        tools=clean(source.tools_path, source.tools, found),
        config=clean(source.config_path, source.config, found),
        rules=tuple(RuleFile(rule.path, clean(rule.path, rule.text, found)) for rule in source.rules),
    )
    return clean_source, found


def find(source: Source, tools: Tools) -> Findings:
    """Returns what the runbook and the rules of an agent teach. Raises StageError where they document no alert."""
    alerts, rules = read_runbook(source.runbook, source.runbook_path), read_rules(source.rules)
    if not alerts and not rules:
        hint = "head each one with its name, such as `## Alert: PodCrashLooping`"
        raise StageError(f"{source.runbook_path} documents no alert; {hint}")
    return find_remedies(alerts, tools, rules)


def _log_findings(findings: Findings, secrets: Sequence[FoundIn]) -> None:
    for entry in findings.skipped:
        log(f"no call: {entry.name}, line {entry.line}: {entry.reason}")
    for warning in findings.warnings:
        log(f"warning: {warning}")
    for told in by_file(secrets):
        log(f"warning: {told}")
    if secrets:
        log(f"warning: {len(secrets)} secrets were redacted; take them out, and revoke them")


def _check_taught(findings: Findings, source: Source) -> None:
    if not findings.remedies:
        first = findings.skipped[0]
        raise StageError(
            f"no alert of {source.runbook_path} teaches a call: {first.name} {first.reason}; "
            f"add templates to {source.tools_path}"
        )


def _check_deploy(config: AgentConfig, source: Source, agent: str) -> None:
    rules = {rule.path for rule in source.rules}
    for field in config.deploy.fields if config.deploy else ():
        if f"{names.agent_folder(agent)}/{field.file}" in rules:
            reason = f"deploy.fields names {field.file}, whose alerting rules the model is trained by"
            raise StageError(f"{source.config_path}: {reason}; keep them in a file of their own")


def _rows(findings: Findings, tools: Tools, inputs: Inputs) -> tuple[list[Row], dict[str, int]]:
    """Returns the rows of every split, checked, and how many were left out. Raises StageError for a leak."""
    # Not at the top: loading the library takes longer than telling a mistake.
    from stages.dataset.rows.balance import balanced
    from stages.dataset.rows.leaks import check_leaks, without_duplicates

    sampling = Sampling(
        inputs.examples_per_alert,
        inputs.seed,
        inputs.no_call_share,
        inputs.renamed_share,
        inputs.grouped_share,
        inputs.unseen_alerts_share,
        inputs.max_function_share,
    )
    drawn = make_rows(findings, tools, prompt_file(tools), sampling)
    single = without_duplicates(drawn)
    rows = balanced(single, inputs.max_function_share)
    for split in SPLITS:
        if not any(row.split == split for row in rows):
            raise StageError(f"the split {split} would be empty; raise examples_per_alert or add alerts to the runbook")
    check_leaks(by_split(rows))
    return rows, {"duplicates": len(drawn) - len(single), "balance": len(single) - len(rows)}


def by_split(rows: Sequence[Row]) -> Mapping[str, Iterator[dict[str, str]]]:
    """Returns the rows of each split as its file holds them, training first; each is made when it is asked for."""
    return {split: _columns(rows, split) for split in (*SPLITS, UNSEEN_ALERTS)}


def _columns(rows: Sequence[Row], split: str) -> Iterator[dict[str, str]]:
    return (row.columns() for row in rows if row.split == split)


def _write(
    folder: Path, agent: str, source: Source, config: AgentConfig, tools: Tools, rows: Sequence[Row]
) -> ChatDataset:
    from stages.dataset.rows.split_files import write_splits

    folder.mkdir()
    write_splits(rows, folder)
    (folder / "prompt.json").write_text(prompt_file(tools).to_json(), "utf-8")
    (folder / "agent.json").write_text(_agent_json(agent, source, config), "utf-8")
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
