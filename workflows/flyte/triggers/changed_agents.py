"""Which agents of a GitOps repository have other inputs than before, as a GitHub Actions matrix.

    python -m workflows.flyte.triggers.changed_agents --repository homelab --before "$BEFORE" --after "$GITHUB_SHA"

Prints [{"agent": "agent-sre", "commit": "…"}], where commit is the last one that touched the agent's runbook, rules or
training folder. What else changes in an agent's folder, such as the MODEL_VERSION that publish bumps, is no input.
"""

import argparse
import json
import sys
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

from shared import contract
from shared.errors import StageError, one_line
from stages.dataset.files import read_shared
from stages.dataset.gitops.repository import Repository
from stages.dataset.source import Committed, opened, read_source
from workflows.flyte.triggers import job_summary

CONFIG = "training/config.yaml"
NONE = "0" * 40  # GitHub's `before` of a branch that is new


@dataclass(frozen=True)
class Inputs:
    """What an agent's model is made of at a revision, and the last commit that touched it.

    problem: why dataset cannot read it, '' where it can.
    """

    content: Hashable
    commit: str
    problem: str = ""


def changed_agents(repo: Repository, repository: str, before: str, after: str) -> dict[str, Inputs]:
    """Returns the agents at `after` whose inputs are other than at `before`, by name.

    Where `before` is no commit of the repository (a new branch, a rewritten history), these are all agents: a cause
    that is not new starts nothing, and a change that is missed would stay untrained. Raises StageError for an
    unknown `after` and for an agent whose name is none.
    """
    now = _agents(repo, repository, _commit(repo, repository, after))
    earlier = "" if before in ("", NONE) else _known(repo, before)
    then = _earlier(repo, repository, earlier) if earlier else {}
    return {agent: each for agent, each in now.items() if agent not in then or then[agent].content != each.content}


def _agents(repo: Repository, repository: str, commit: str) -> dict[str, Inputs]:
    """Returns the agents that a commit has: the folders that hold training/config.yaml."""
    home = read_shared(Committed(repo, commit)).agents.removesuffix("*").rstrip("/")
    folders = [each.path for each in repo.children(commit, home) if each.kind == "folder"]
    trained = {each.path for each in repo.entries(commit, [f"{folder}/{CONFIG}" for folder in folders])}
    folders = [folder for folder in folders if f"{folder}/{CONFIG}" in trained]
    return {folder.rpartition("/")[2]: _inputs(repo, repository, commit, folder) for folder in folders}


def _earlier(repo: Repository, repository: str, commit: str) -> dict[str, Inputs]:
    """Returns the agents that a commit had; none where it did not say where they live."""
    try:
        return _agents(repo, repository, commit)
    except StageError:
        return {}


def _inputs(repo: Repository, repository: str, commit: str, folder: str) -> Inputs:
    agent = folder.rpartition("/")[2]
    (name,) = (field for field in contract.load("dataset").inputs if field.name == "agent_name")
    name.parse(agent)
    try:
        source = read_source(repo, repository, commit, agent)
    except StageError as error:
        # A person has to mend it; the folders tell whether this revision has made it so.
        hashes = tuple(each.oid for each in repo.entries(commit, [f"{folder}/docs", f"{folder}/training"]))
        return Inputs(hashes, commit, str(error))
    shared = source.fleet.model_dump_json()
    return Inputs((shared, source.pages, source.config, source.tools, source.rules), source.commit)


def _commit(repo: Repository, repository: str, revision: str) -> str:
    remedy = "fetch the whole history (fetch-depth: 0)"
    if repo.is_shallow:
        raise StageError(f"{repository} holds a part of its history only; {remedy}")
    found = _known(repo, revision)
    if not found:
        raise StageError(f"{repository} has no commit {revision!r:.80}; {remedy}")
    return found


def _known(repo: Repository, revision: str) -> str:
    return "" if revision.startswith("-") else repo.known(revision)


def main(arguments: Sequence[str]) -> int:
    """Prints the matrix, gives it to the job's later steps as `agents`, and returns the exit code."""
    options = _parser().parse_args(arguments)
    try:
        with opened(str(options.repository)) as repo:
            found = changed_agents(repo, str(options.repository), options.before, options.after)
    except StageError as error:
        print(f"changed_agents: {error}", file=sys.stderr)
        return 1
    for agent, inputs in found.items():
        if inputs.problem:
            print(f"{agent}: {one_line(inputs.problem)}", file=sys.stderr)
    matrix = json.dumps([{"agent": agent, "commit": inputs.commit} for agent, inputs in found.items()])
    print(matrix)
    job_summary.write_outputs({"agents": matrix})
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m workflows.flyte.triggers.changed_agents",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--repository", type=Path, default=Path(), help="the GitOps repository's clone, with its whole history")
    add("--before", required=True, help="the commit to compare with; GitHub's zeros and unknown ones: all agents")
    add("--after", default="HEAD", help="the commit that has the changes (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
