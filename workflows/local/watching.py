"""`make watch`: is an agent to be trained again? Looks at today's runbook and at the champion, and remembers nothing.

    python -m workflows.local.watching AGENT=agent-sre GITOPS=… TRIGGER=schedule

Every scalar input of dataset and of watch may be given as NAME=value. Without GITOPS the repository of `make run` is
used. Where the environment names no MLflow, its database is, and without MODEL the rows are those of its demo model.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared import contract
from shared.errors import StageError
from stages.dataset.agent_config import read_config
from stages.dataset.source import opened, read_source
from workflows.inputs import settings_of
from workflows.local import process
from workflows.local.demo import DEMO_SETTINGS, demo_repository
from workflows.local.execution import Execution, StageFailed
from workflows.local.run import DEFAULT_AGENT, RUNS, local_services
from workflows.local.settings import parse_settings, workflow_fields
from workflows.placement import read_image, read_placement

STAGES = ("dataset", "watch")
FIELDS = settings_of(*STAGES)
MODEL = "model_name"  # no input of theirs, but with it `make run` draws other rows
OF_THE_TRIGGER = {"trigger": "watch", "remember": False}  # what a person may set otherwise


def main(arguments: Sequence[str]) -> int:
    """Prints what watch finds and returns the exit code: 0 whatever the decision is."""
    if "--help" in arguments:
        print(__doc__)
        return 0
    try:
        print(_shown(look(arguments)))
    except StageFailed as failure:
        print(f"watch: it stopped at {failure.stage} with exit code {failure.code}", file=sys.stderr)
        return 1
    except StageError as error:
        print(f"watch: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def look(arguments: Sequence[str]) -> dict[str, Any]:
    """Returns the outputs of watch for the settings in arguments.

    Raises StageError for a setting that is wrong and StageFailed where a stage fails.
    """
    settings = watch_inputs(parse_settings(arguments, FIELDS | {MODEL: workflow_fields()[MODEL]}))
    os.environ |= local_services()
    with TemporaryDirectory(prefix="watch-") as folder:
        rows = _run("dataset", settings, Path(folder))
        return _run("watch", {**settings, "dataset": rows["dataset"]}, Path(folder))


def watch_inputs(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the inputs of both stages: their defaults, then the agent's config.yaml, then what was given."""
    agent = given.get("agent_name", DEFAULT_AGENT)
    RUNS.mkdir(exist_ok=True)
    repository = given.get("repository") or str(demo_repository(RUNS / "gitops.git"))
    with opened(repository) as repo:
        source = read_source(repo, repository, given.get("revision", ""), agent, given.get("runbook_path", ""))
    config = read_config(source.config, source.config_path).over(source.fleet)
    defaults = {name: field.default for name, field in FIELDS.items()} | OF_THE_TRIGGER
    # The process back end runs the train of this tree, whatever images.toml pins.
    defaults["train_version"] = contract.load("train").version
    known = {**defaults, **config.inputs(), **config.watch_inputs(), **_demo_settings(given)}
    return {**known, **given, "agent_name": agent, "repository": repository}


def _demo_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the settings of the demo model's rows, where `make run` would have trained it here."""
    if MODEL in given or os.environ.get("MLFLOW_TRACKING_URI"):
        return {}
    return {name: value for name, value in DEMO_SETTINGS.items() if name in FIELDS}


def _run(stage: str, settings: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    declared = contract.load(stage)
    execution = Execution(declared, folder / stage, read_placement(stage), read_image(stage))
    return process.run_stage(execution, {field.name: settings[field.name] for field in declared.inputs})


def _shown(outputs: Mapping[str, Any]) -> str:
    lines = {
        "Retrain": "yes" if outputs["retrain"] else "no",
        "Reason": outputs["reason"],
        "Accuracy": f"{outputs['champion_accuracy']:.1%} of the champion's stored answers are right today",
        "Unseen": f"{outputs['unseen_alerts']} alerts that the champion never saw",
        "Cause": outputs["cause"] or "none",
    }
    return "\n".join(f"{name:<10}{text}" for name, text in lines.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
