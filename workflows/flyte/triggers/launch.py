"""Starts an agent's training on Flyte, by its launch plan `<agent>-training`.

    python -m workflows.flyte.triggers.launch --agent agent-sre --wait

Prints the address of the execution's page at once. With --wait it goes on until the end: exit 0 where the execution
succeeded, also where nothing was to train or the model was rejected; 1 where it failed. A commit given with --commit
starts one execution: where it has one that runs or has succeeded, that one is shown, and none is started.

Where Flyte is, and who asks, says flytekit's own configuration: FLYTE_PLATFORM_URL=host:port, with
FLYTE_PLATFORM_INSECURE=true where it has no TLS, and FLYTE_CREDENTIALS_AUTH_MODE=clientSecret with
FLYTE_CREDENTIALS_CLIENT_ID and FLYTE_CREDENTIALS_CLIENT_SECRET; else the file that FLYTECTL_CONFIG names, else
~/.flyte/config.yaml. FLYTE_PLATFORM_CONSOLE_ENDPOINT is for a console at another address.
"""

import argparse
import logging
import os
import re
import sys
from collections.abc import Mapping, Sequence

from shared import contract
from shared.contract import Scalar, to_text
from shared.errors import StageError, one_line
from workflows.flyte.triggers import job_summary

PROJECT, DOMAIN = "agent-training", "production"
TRIGGERS = ("request", "runbook")


def main(arguments: Sequence[str]) -> int:
    """Does what the command line asks for and returns the exit code; a failure is one line on stderr."""
    options = _parser().parse_args(arguments)
    os.environ.setdefault("FLYTE_SDK_LOGGING_LEVEL", str(logging.CRITICAL))
    try:
        return launch(options)
    except StageError as error:
        print(f"launch: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("launch: no longer waiting; what was started on Flyte goes on", file=sys.stderr)
        return 130


def launch(options: argparse.Namespace) -> int:
    """Starts the agent's launch plan, or finds what the same commit started before, and returns the exit code."""
    _check(options)
    from workflows.flyte import server  # flytekit takes a second, which a mistake need not wait for
    from workflows.flyte.triggers import progress, starting

    remote = server.connect(options.project, options.domain)
    plan = server.active_launch_plan(remote, f"{options.agent}-training")
    inputs = {
        **starting.typed_inputs(options.input, plan),
        "trigger": options.trigger,
        "force_retrain": options.force_retrain,
    }
    name, earlier = starting.free_name(remote, options.agent, "" if options.force_retrain else options.commit)
    if not earlier:
        starting.start(remote, plan, name, inputs, options.patience * 60, _say)
    known = (
        f" is {progress.phase(earlier)}; commit {options.commit[:8]} started it before" if earlier else " is started"
    )
    shown = {"trigger": options.trigger, "execution": name, "link": starting.link(remote, name)}
    print(f"{options.agent}: execution {name}{known}", shown["link"], sep="\n", flush=True)
    job_summary.write_outputs(shown)
    ended = progress.follow(remote, name, _say) if options.wait else None
    _report(options.agent, shown, ended.results() if ended else {})
    return int(ended is not None and ended.phase != progress.SUCCEEDED)


def _check(options: argparse.Namespace) -> None:
    """Raises StageError for an agent or a commit that is no name of one."""
    (agent,) = (field for field in contract.load("dataset").inputs if field.name == "agent_name")
    agent.parse(options.agent)
    if not re.fullmatch(r"([0-9a-f]{8,64})?", options.commit):
        raise StageError(f"--commit is {options.commit!r:.80}; give the hash of a commit, of 8 characters or more")


def _report(agent: str, shown: Mapping[str, Scalar], results: Mapping[str, Scalar]) -> None:
    """Prints what came of an execution, and writes the job's summary."""
    for key, value in results.items():
        print(f"{key}: {one_line(to_text(value))}")
    job_summary.write_summary(f"Training of {agent}", {**shown, **results})


def _say(line: str) -> None:
    print(f"  {one_line(line)}", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workflows.flyte.triggers.launch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--agent", required=True, help="the agent, such as agent-sre")
    add("--trigger", choices=TRIGGERS, default=TRIGGERS[0], help="who asks: a person, or a change of the runbook")
    add("--commit", default="", help="the commit that changed the agent's inputs; it starts one execution")
    add("--force-retrain", action="store_true", help="train in any case")
    add("--wait", action="store_true", help="wait for the end, and show each stage's phase")
    add("--patience", type=float, default=0, metavar="MINUTES", help="wait for another execution of the agent first")
    add("--project", default=PROJECT, help="the Flyte project (%(default)s)")
    add("--domain", default=DOMAIN, help="the Flyte domain (%(default)s)")
    add("--input", action="append", default=[], metavar="NAME=value", help="another input, such as ITERS=200")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
