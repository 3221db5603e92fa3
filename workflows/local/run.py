"""`make run`: the whole workflow on this machine, without a server, and what came of it.

    python -m workflows.local.run AGENT=agent-sre ITERS=200 BACKEND=docker

Every workflow input may be given as NAME=value. Without GITOPS the example repository is used,
without MODEL the demo model, without BACKEND each stage is a process. With RUNNER=https://host:port
a native runner does the work of train and evaluate; MLX_RUNNER_TOKEN and MLX_RUNNER_CERTIFICATE, or
these with _FILE, say what it asks for. Results lie in .runs/<time>-<agent>/, the newest in .runs/latest.
"""

import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from shared import contract
from shared.errors import StageError
from shared.runner.handover import runner_of
from shared.runner.settings import URL
from shared.stage import NO_SPACE
from stages.dataset.source import opened
from workflows.local import container
from workflows.local.execution import ROOT, StageFailed

RUNS = Path(os.environ.get("AGENT_TRAINING_RUNS") or ROOT / ".runs").absolute()
DEFAULT_AGENT = "agent-sre"


def main(arguments: Sequence[str]) -> int:
    """Runs the workflow and returns the exit code: 0 when it ran to its end, even where the model was rejected."""
    if "--help" in arguments:
        print(__doc__)
        return 0
    for number in (signal.SIGTERM, signal.SIGHUP):  # a closed terminal must not leave a stage behind either
        if signal.getsignal(number) != signal.SIG_IGN:  # as nohup sets it
            signal.signal(number, _interrupt)
    _quiet_flyte()
    try:
        execute(arguments)
    except StageFailed as failure:
        print(f"The run stopped at {failure.stage} with exit code {failure.code}.", file=sys.stderr)
        return 1
    except StageError as error:
        print(f"run: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        print(f"run: no space is left on the device of {RUNS}; free some and run again", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("The run was stopped; the stage that ran has ended.", file=sys.stderr)
        return 130
    return 0


def execute(arguments: Sequence[str]) -> Path:
    """Runs the workflow with the settings in arguments and returns the folder of the run.

    Raises StageError for a setting that is wrong and StageFailed where a stage fails.
    """
    from workflows.local.settings import parse_settings
    from workflows.local.summary import write_summary

    back_end, arguments = _back_end(arguments)
    arguments = _runner(arguments)
    settings = parse_settings(arguments)
    if back_end == "docker":
        container.prepare()
    inputs = workflow_inputs(settings)
    folder = _run_folder(inputs["agent_name"])
    os.environ |= local_services() | {"AGENT_TRAINING_RUN": str(folder), "FLYTE_INTERNAL_EXECUTION_ID": folder.name}
    os.environ["AGENT_TRAINING_BACK_END"] = back_end
    result = _workflow_result(inputs)
    write_summary(folder, inputs, result, os.environ["MLFLOW_TRACKING_URI"])
    return folder


def _back_end(arguments: Sequence[str]) -> tuple[str, list[str]]:
    """Returns what BACKEND= names, and the other arguments."""
    given = [argument for argument in arguments if argument.upper().startswith("BACKEND=")]
    back_end = given[-1].partition("=")[2] if given else "process"
    if back_end not in ("process", "docker"):
        raise StageError(f"BACKEND is {back_end!r}; it must be process or docker")
    return back_end, [argument for argument in arguments if argument not in given]


def _runner(arguments: Sequence[str]) -> list[str]:
    """Lets the stages find the runner that RUNNER= or the environment names, once it has answered.

    Returns the other arguments. Raises StageError where it does not answer, or would not take their work.
    """
    given = [argument for argument in arguments if argument.upper().startswith("RUNNER=")]
    if given:
        os.environ[URL.name] = given[-1].partition("=")[2]
    runner_of(contract.load("train"))
    return [argument for argument in arguments if argument not in given]


def workflow_inputs(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the inputs of a run: the agent's config.yaml, then the demo model's settings, then what was given."""
    from workflows.local import demo
    from workflows.local.settings import configured

    agent = settings.get("agent_name", DEFAULT_AGENT)
    RUNS.mkdir(exist_ok=True)
    repository = settings.get("repository") or str(demo.demo_repository(RUNS / "gitops.git"))
    with opened(repository) as repo:
        known = configured(repo, repository, agent, settings.get("revision", ""), settings.get("runbook_path", ""))
    if "model_name" not in settings:
        known |= {**demo.DEMO_SETTINGS, "model_name": str(demo.DEMO_MODEL)}
        print(f"The demo model is trained with its own settings: {_shown(demo.DEMO_SETTINGS)}", file=sys.stderr)
    chosen = {**known, **settings, "agent_name": agent, "repository": repository}
    return chosen | {name: _absolute(chosen[name]) for name in ("repository", "model_name") if name in chosen}


def _absolute(text: str) -> str:
    """Returns the path of a folder of this machine from its root, so that it means the same in a container."""
    return str(Path(text).absolute()) if Path(text).is_dir() else text


def local_services() -> dict[str, str]:
    """Returns the addresses that stand for servers on a laptop, except those that the environment names."""
    store, mlflow = RUNS / "store", RUNS / "mlflow"
    for folder in (store, mlflow):
        folder.mkdir(parents=True, exist_ok=True)
    local = {"MLFLOW_TRACKING_URI": f"sqlite:///{mlflow}/mlflow.db", "STORE_URI": f"file://{store}"}
    return {name: os.environ.get(name) or value for name, value in local.items()}


def _workflow_result(inputs: Mapping[str, Any]) -> Any:
    from workflows.agent_training import agent_training_pipeline

    try:
        return agent_training_pipeline(**inputs)
    except Exception as error:
        # flytekit wraps what a task raises in exceptions of its own; only ours is for the user.
        raise _own_cause(error) from None


def _own_cause(error: BaseException) -> BaseException:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, StageFailed | StageError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return error


def _run_folder(agent: str) -> Path:
    folder = RUNS / f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{agent}"
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise StageError(f"another run of {agent} started this very second; run again") from None
    latest, passing = RUNS / "latest", RUNS / ".latest"
    passing.unlink(missing_ok=True)
    passing.symlink_to(folder.name)
    passing.replace(latest)
    return folder


def _quiet_flyte() -> None:
    # Stages are never cached here: a person who runs again wants to see it run.
    os.environ["FLYTE_LOCAL_CACHE_ENABLED"] = "false"
    os.environ.setdefault("FLYTE_SDK_LOGGING_LEVEL", str(logging.CRITICAL))


def _shown(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())


def _interrupt(_: int, __: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
