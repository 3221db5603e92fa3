"""What a person sees at the end of a run, and `summary.json` for programs."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from git import GitCommandError, InvalidGitRepositoryError, NoSuchPathError, Repo
from rich.console import Console
from rich.table import Table
from rich.text import Text

from shared import archive, contract
from shared.access.git import without_secret
from shared.artifacts import ChatDataset, Evaluation
from shared.names import experiment, model_name
from workflows.local.execution import ROOT

CALLS = ("false_calls", "missed_calls")


def write_summary(folder: Path, inputs: Mapping[str, Any], result: Any, tracking_uri: str) -> None:
    """Writes folder/summary.json, report.html and a test alert to try, and prints the summary."""
    _unpack_for_reading(folder)
    tuned = Evaluation(folder / "evaluation").report()["tuned"]
    stages = [json.loads((folder / stage / "stage.json").read_text()) for stage in contract.PIPELINE]
    summary = {
        "agent": inputs["agent_name"],
        "outcome": result.outcome,
        "accuracy_before": result.accuracy_before,
        "accuracy_after": result.accuracy,
        **{name: {key: tuned[name][key] for key in ("rows", "count", "share")} for name in CALLS if name in tuned},
        "decision": result.decision,
        "model_version": result.model_version,
        "model_uri": result.model_uri,
        "bump_commit": result.bump_commit,
        "mlflow_run": result.run_id,
        "seconds": {stage["stage"]: stage["seconds"] for stage in stages},
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    _print(summary, stages, folder, str(inputs["repository"]), tracking_uri)


def _unpack_for_reading(folder: Path) -> None:
    """Puts the report, and a test alert to try, where a person finds them."""
    archive.unpack(folder / "evaluate" / "outputs" / "evaluation", folder / "evaluation")
    archive.unpack(folder / "dataset" / "outputs" / "dataset", folder / "dataset" / "unpacked")
    alert = _alert_to_try(list(ChatDataset(folder / "dataset" / "unpacked").rows("test")))
    (folder / "alert.json").write_text(json.dumps(alert, indent=2) + "\n")


def _alert_to_try(rows: list[dict[str, Any]]) -> Any:
    """Returns the first alert that shows its name as the runbook states it and asks for a call; else the first."""
    row = next((row for row in rows if row["function"] and row["alertname"] == "stated"), rows[0])
    return json.loads(row["notification"])


def _print(
    summary: Mapping[str, Any], stages: list[dict[str, Any]], folder: Path, repository: str, tracking_uri: str
) -> None:
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    console.print()
    console.print(_stage_table(summary, stages, folder))
    before, after = summary["accuracy_before"], summary["accuracy_after"]
    lines = {
        "Outcome": summary["outcome"],
        "Accuracy": f"{before:.1%} before, {after:.1%} after, on rows that training never saw",
        **_calls(summary),
        "Report": _relative(folder / "evaluation" / "report.html"),
        "MLflow": f"run {summary['mlflow_run']} in {experiment(summary['agent'])}; {_page(tracking_uri)}",
        "Model": summary["model_uri"] or "not stored",
        "Try it": f"make ask ALERT={_relative(folder.parent / 'latest' / 'alert.json')}",
    }
    for name, text in lines.items():
        console.print(Text(f"{name:<10}", style="bold") + Text(str(text)))
    console.print(Text(_bump(repository, summary["bump_commit"])))


def _calls(summary: Mapping[str, Any]) -> dict[str, str]:
    """Returns the line about false and missed calls; none where an older evaluate did not count them."""
    if not all(name in summary for name in CALLS):
        return {}
    false, missed = (summary[name] for name in CALLS)
    return {"Calls": f"{_made(false, 'false', 'no call')}; {_made(missed, 'missed', 'one')}"}


def _made(counted: Mapping[str, Any], what: str, wanted: str) -> str:
    """Returns `2 false (5.0%) on 40 alerts that want no call`."""
    if not counted["rows"]:
        return f"{what} calls not measured, as no alert wants {wanted}"
    alerts = f"{counted['rows']} {'alert that wants' if counted['rows'] == 1 else 'alerts that want'} {wanted}"
    return f"{counted['count']} {what} ({counted['share']:.1%}) on {alerts}"


def _stage_table(summary: Mapping[str, Any], stages: list[dict[str, Any]], folder: Path) -> Table:
    table = Table("stage", "version", "seconds", "what came out", box=None, pad_edge=False, header_style="bold")
    for record in stages:
        stage = record["stage"]
        table.add_row(stage, record["version"], f"{record['seconds']:.1f}", Text(_came_out(stage, summary, folder)))
    return table


def _came_out(stage: str, summary: Mapping[str, Any], folder: Path) -> str:
    outputs = folder / stage / "outputs"

    def text(name: str) -> str:
        return (outputs / name).read_text("utf-8")

    match stage:
        case "dataset":
            return f"{text('rows')} rows from commit {text('source_commit')[:8]}"
        case "convert":
            return f"base model {text('base_revision')[:20]}"
        case "train":
            return f"validation loss {float(text('validation_loss')):.4f}"
        case "evaluate":
            return f"accuracy {float(text('accuracy_before')):.1%} → {float(text('accuracy')):.1%}"
        case "register":
            return model_name(summary["agent"], text("model_version"))
        case "publish":
            is_proposed = summary["outcome"].removeprefix("already ").startswith("proposed")
            deployed = "proposed, waiting for the merge" if is_proposed else "published"
            return deployed if text("model_uri") else "nothing changed"
        case _:
            scalars = [field.name for field in contract.load(stage).outputs if not field.artifact]
            return ", ".join(f"{name} {text(name)}" for name in scalars if (outputs / name).exists())


def _page(tracking_uri: str) -> str:
    """Returns where MLflow's page of the run is: `make ui` knows the database of .runs alone."""
    is_ours = tracking_uri == f"sqlite:///{ROOT}/.runs/mlflow/mlflow.db"
    return "`make ui` opens its page" if is_ours else f"at {without_secret(tracking_uri)}"


def _bump(repository: str, commit: str) -> str:
    """Returns the Git diff of the bump; '' where nothing was bumped, a hint where the repository is elsewhere."""
    if not commit:
        return ""
    try:
        with Repo(repository) as repo:
            return "\n" + str(repo.git.show("--no-color", "--format=commit %h%n%n%B", commit))
    except (InvalidGitRepositoryError, NoSuchPathError, GitCommandError):
        return f"\nMODEL_VERSION was bumped by commit {commit} of {without_secret(repository)}"


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
