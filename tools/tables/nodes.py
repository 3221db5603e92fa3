"""Writes docs/nodes.md: every node and launch plan of the package of the example's agents, read from the archive.

`--check` only says whether the page is out of date.
"""

import sys
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyteidl.admin.launch_plan_pb2 import LaunchPlan
from flyteidl.admin.task_pb2 import TaskSpec
from flyteidl.admin.workflow_pb2 import WorkflowSpec
from google.protobuf.json_format import MessageToDict  # type: ignore[import-untyped]

from shared.contract import SECRETS_FOLDER
from shared.errors import StageError
from tools.flyte import entities, package
from tools.images.source import ROOT
from workflows.flyte.launch_plans import SHOWN

PAGE = ROOT / "docs" / "nodes.md"
COLUMNS = ("node", "image", "resources", "nodes", "cache", "retries", "time-out", "variables, and secrets as files")
PLAN_COLUMNS = (
    "launch plan",
    "schedule (UTC)",
    "kickoff time",
    "notifies",
    "cache",
    "other values than the contracts'",
)
_HEAD = """# Nodes on Flyte

What `make package` registers, read from its archive; `make tables` writes this page. Where a stage runs and with
what stands in [placement.toml](../workflows/placement.toml), which image of it in
[images.toml](../workflows/images.toml). Train is shown with the profile `{profile}`.

"""
_BELOW_NODES = """
Every pod runs as user 65532 with a read-only root file system, no capabilities, no service account token and the
runtime's default seccomp profile, is labelled `app.kubernetes.io/part-of: agent-training` and
`agent-training/stage: <stage>`, and has `/tmp` of the size of its ephemeral storage. A variable in *italics* need not
be there. Resources are limits; what is requested is the same, unless it is named.

A cached node is computed once for its inputs and its image. An agent whose config.yaml pins no `model_revision` has
launch plans that overwrite the cache: a base that was fetched once would stay for ever. Files count by their addresses,
and dataset writes to a new one in each execution, so train is found again where an execution is recovered; that one
cause trains once is watch's doing.

Flyte takes any failure of a stage for one of the cluster, and tries a task four times, unless propeller's
`node-config.ignore-retry-cause` is true, as [the Helm values](../deploy/flyte/platform/helm-values.yaml) have it: then
the retries above hold. The time-out is one attempt's, the wait for a node included; all attempts together have twice as
long.
"""


@dataclass(frozen=True)
class Package:
    """The messages of an unpacked archive as JSON data, by name."""

    tasks: Mapping[str, Any]
    workflows: Mapping[str, Any]
    launch_plans: Mapping[str, Any]


def read(archive: Path) -> Package:
    """Returns what an archive of `make package` holds. Its files are `<number>_<name>_<kind>.pb`."""
    found: dict[str, dict[str, Any]] = {"1": {}, "2": {}, "3": {}}
    with tarfile.open(archive) as tar:
        for member in tar:
            name, _, kind = member.name.removesuffix(".pb").partition("_")[2].rpartition("_")
            message = {"1": TaskSpec, "2": WorkflowSpec, "3": LaunchPlan}[kind]()
            file = tar.extractfile(member)
            message.ParseFromString(file.read() if file else b"")
            found[kind][name] = MessageToDict(message)
    return Package(found["1"], found["2"], found["3"])


def page(known: Package) -> str:
    """Returns the Markdown page of a package."""
    node_selector = _pod(known.tasks["train"])["podSpec"].get("nodeSelector", {})
    profile = node_selector.get("agent-training/accelerator", "cpu")
    parts = [
        _HEAD.format(profile=profile),
        _table(COLUMNS, (_node(name, task) for name, task in known.tasks.items())),
        _BELOW_NODES,
        "\n## Workflows\n\n",
        _table(("workflow", "what it does", "its nodes"), map(_workflow, known.workflows.values())),
        "\n## Launch plans of the example\n\n",
        "An agent's fixes its name, the repository, and all else that its config.yaml decides; a launch may change ",
        f"{', '.join(f'`{name}`' for name in SHOWN)}.\n`agent_training_pipeline` is given the first two ",
        "at the launch, trains in any case, and takes no number from config.yaml.\n",
        "\n",
        _table(PLAN_COLUMNS, _plans(known)),
    ]
    return "".join(parts)


def _pod(task: Mapping[str, Any]) -> Any:
    return task["template"]["k8sPod"]


def _node(name: str, task: Mapping[str, Any]) -> list[str]:
    metadata, spec = task["template"]["metadata"], _pod(task)["podSpec"]
    (container,) = spec["containers"]
    seconds = int(metadata["timeout"].removesuffix("s"))
    interruptible = ", interruptible" if metadata.get("interruptible") else ""
    return [
        name,
        f"`{_image(container['image'])}`",
        _resources(container["resources"]),
        _placed(spec) or "any",
        "by image and inputs" if metadata.get("discoverable") else "no",
        f"{metadata['retries']['retries']}{interruptible}",
        f"{seconds // 60} min",
        "; ".join([*_variables(container.get("env", [])), *_secrets(spec["volumes"])]) or "none",
    ]


def _image(reference: str) -> str:
    named, _, digest = reference.partition("@sha256:")
    return f"{named}@sha256:{digest[:12]}…" if digest else named


def _resources(resources: Mapping[str, Mapping[str, str]]) -> str:
    limits, requests = resources["limits"], resources["requests"]
    return ", ".join(
        f"{name} {limit}" + (f" (requests {requests[name]})" if requests[name] != limit else "")
        for name, limit in sorted(limits.items())
    )


def _placed(spec: Mapping[str, Any]) -> str:
    selector = [f"`{name}={value}`" for name, value in sorted(spec.get("nodeSelector", {}).items())]
    tolerated = [f"tolerates `{each['key']}`" for each in spec.get("tolerations", [])]
    return ", ".join([*selector, *tolerated])


def _variables(entries: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    by_holder: dict[str, list[str]] = {}
    for entry in entries:
        source = entry.get("valueFrom", {})
        if reference := source.get("configMapKeyRef"):
            name = f"*{entry['name']}*" if reference["optional"] else entry["name"]
            by_holder.setdefault(f"ConfigMap `{reference['name']}`", []).append(name)
        elif entry["name"] != SECRETS_FOLDER:
            by_holder.setdefault("the node" if source else "the profile", []).append(entry["name"])
    yield from (f"{holder}: {', '.join(names)}" for holder, names in by_holder.items())


def _secrets(volumes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for volume in volumes:
        for source in volume.get("projected", {}).get("sources", []):
            secret = source["secret"]
            mark = "*" if secret["optional"] else ""
            names = ", ".join(f"{mark}{item['key']}{mark}" for item in secret["items"])
            yield f"Secret `{secret['name']}`: {names}"


def _workflow(workflow: Mapping[str, Any]) -> list[str]:
    template = workflow["template"]
    said = workflow.get("description", {}).get("shortDescription", "")
    return [template["id"]["name"], said, ", ".join(_node_names(template["nodes"]))]


def _node_names(nodes: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for node in nodes:
        yield node["metadata"]["name"]
        if branch := node.get("branchNode"):
            choice = branch["ifElse"]
            branches = [choice["case"]["thenNode"], choice["elseNode"]]
            yield f"({' or '.join(_node_names(branches))})"


def _plans(known: Package) -> Iterator[list[str]]:
    for name, plan in known.launch_plans.items():
        if name in known.workflows:
            continue
        spec = plan["spec"]
        usual = _inputs(known.launch_plans[spec["workflowId"]["name"]]["spec"])
        given = _inputs(spec)
        told_above = ("agent_name", "repository")
        other = [f"{key}={given[key]}" for key in sorted(given) if key not in told_above and given[key] != usual[key]]
        metadata = spec["entityMetadata"]
        schedule = metadata.get("schedule", {})
        cron = schedule.get("cronSchedule", {}).get("schedule", "")
        addresses = [who for each in metadata.get("notifications", []) for who in each["email"]["recipientsEmail"]]
        kickoff = schedule.get("kickoffTimeInputArg", "")
        cache = "overwritten" if spec.get("overwriteCache") else "used"
        told = [f"`{cron}`" if cron else "none", kickoff, ", ".join(addresses), cache, ", ".join(other) or "none"]
        yield [name, *told]


def _inputs(spec: Mapping[str, Any]) -> dict[str, str]:
    """Returns a launch plan's inputs, fixed or not, with their values; `required` where there is none."""
    given = spec["defaultInputs"]["parameters"]
    literals = spec.get("fixedInputs", {}).get("literals", {})
    return {name: _value(each.get("default", {})) for name, each in given.items()} | {
        name: _value(literal) for name, literal in literals.items()
    }


def _value(literal: Mapping[str, Any]) -> str:
    primitive = literal.get("scalar", {}).get("primitive", {})
    return str(next(iter(primitive.values()), "required"))


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)


def current() -> str:
    """Returns the page for the tree as it is. Raises StageError as `entities.entities` does."""
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder, "package.tgz")
        package.write(entities.entities(), archive)
        return page(read(archive))


def main(arguments: Sequence[str]) -> int:
    """Writes the page, or checks it, and returns the exit code."""
    try:
        text = current()
    except StageError as error:
        print(f"nodes: {error}", file=sys.stderr)
        return 1
    if PAGE.exists() and PAGE.read_text("utf-8") == text:
        return 0
    if arguments == ["--check"]:
        print(f"{PAGE.relative_to(ROOT)} is out of date; `make tables` writes it", file=sys.stderr)
        return 1
    PAGE.write_text(text, "utf-8")
    print(f"wrote {PAGE.relative_to(ROOT)}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
