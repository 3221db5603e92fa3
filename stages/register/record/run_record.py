"""What the experiment's run tells: parameters with their sources, measured values, lineage, files."""

import dataclasses
import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared import archive, contract, names
from shared.artifacts import (
    ALL_SPLITS,
    UNCOVERED_ALERTS,
    UNSEEN_ALERTS,
    Artifact,
    ChatDataset,
    FineTunedModel,
    ModelCard,
)
from shared.asking.call_policy import FILE as CALLS_FILE
from shared.errors import StageError
from shared.origin import Origin
from stages.register.contract import EXECUTION, Inputs
from stages.register.gate.comparison import Comparison

# A metric for every alert and function would drown the others; the report shows them.
TABLES = ("per_function", "per_argument", "per_alert", "per_alertname", "per_answer", "confusion")
CALLS = ("false_calls", "missed_calls")


@dataclass(frozen=True)
class Point:
    """One measured value; step counts training iterations."""

    key: str
    value: float
    step: int = 0


@dataclass(frozen=True)
class TrainingRows:
    """The dataset as MLflow lists it among a run's inputs."""

    digest: str
    """The sha256 (hex) of the dataset."""
    source: str
    """repository@commit"""
    columns: list[str]
    splits: dict[str, int]
    """Rows by split."""


@dataclass(frozen=True)
class RunRecord:
    """Everything that is logged about one model and its dataset. `version` is '' until the registry gave it a name."""

    agent: str
    content: str
    parameters: dict[str, str]
    training: list[Point]
    evaluation: list[Point]
    rows: TrainingRows
    tags: dict[str, str]
    why: dict[str, str]
    """Those of the tags that tell what started this training; another one may lead to the same run."""
    files: dict[str, list[Path]]
    """By the folder of the run's artefacts."""
    version: str = ""

    @property
    def name(self) -> str:
        """The model's full name."""
        return names.model_name(self.agent, self.version)

    def named(self, version: str) -> "RunRecord":
        """Returns the record of a model whose version is known."""
        return dataclasses.replace(self, version=version, tags=self.tags | {names.VERSION_TAG: version})

    def reported(self, files: list[Path]) -> "RunRecord":
        """Returns the record with the report's files beside the predictions."""
        evaluation = [*self.files["evaluation"], *files]
        return dataclasses.replace(self, files=self.files | {"evaluation": evaluation})

    def compared(self, comparison: Comparison | None) -> "RunRecord":
        """Returns the record with the numbers of the comparison, where there is one."""
        if comparison is None:
            return self
        numbers = comparison.counts() | comparison.measures()
        points = [Point(f"champion/{key}", float(value)) for key, value in numbers.items()]
        return dataclasses.replace(self, evaluation=[*self.evaluation, *points])

    def described(self, card: ModelCard) -> "RunRecord":
        """Returns the record with the model card."""
        return dataclasses.replace(self, files=self.files | {"": [*self.files[""], card.path]})

    def version_tags(self) -> dict[str, str]:
        """Returns the tags of the registered version: its name, how good it is and the closest lineage."""
        lineage = ("agent", "runbook_commit", "runbook_sha256", "base_model")
        shown = (*lineage, names.DATASET_TAG, names.CONTENT_TAG, names.VERSION_TAG)
        measured = {point.key: f"{point.value:.4f}" for point in self.evaluation if point.key in ("accuracy", *CALLS)}
        return {key: self.tags[key] for key in shown if key in self.tags} | measured


def describe(inputs: Inputs, origin: Origin, content: str) -> RunRecord:
    """Returns the record of a run. Raises StageError for a value that is not finite."""
    base = read_base(inputs.model)
    parameters = dict(inputs.metrics.read()["parameters"]) | _known(base, "model_name", "dtype")
    tags = _sources(parameters, origin) | _lineage(inputs, origin, content, base) | _stages(inputs)
    why = _why(inputs)
    training, evaluation = list(_training(inputs)), list(_evaluation(inputs.evaluation.report()))
    for point in (*training, *evaluation):
        _check_finite(point)
    shown = {key: contract.to_text(value) for key, value in parameters.items()}
    rows = _rows(inputs.dataset, origin, tags[names.DATASET_TAG])
    return RunRecord(origin.agent, content, shown, training, evaluation, rows, tags | why, why, _files(inputs))


def _rows(dataset: ChatDataset, origin: Origin, digest: str) -> TrainingRows:
    splits = {split: dataset.rows(split) for split in ALL_SPLITS if dataset.has(split)}
    columns = list(splits["train"][0])
    counts = {split: len(rows) for split, rows in splits.items()}
    return TrainingRows(digest, f"{origin.repository}@{origin.commit}", columns, counts)


def read_base(model: FineTunedModel) -> dict[str, Any]:
    """Returns base.json: the base model's name, revision and dtype; empty for a model that does not tell."""
    file = model.path / "base.json"
    known = json.loads(file.read_text("utf-8")) if file.exists() else {}
    return known if isinstance(known, dict) else {}


def _known(base: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    return {key: base[key] for key in keys if key in base}


def _sources(parameters: Mapping[str, Any], origin: Origin) -> dict[str, str]:
    """Returns where each parameter came from, as far as this stage can know.

    What config.yaml does not hold was a default of its stage or was given at launch: either way the
    stage saw only the value.
    """
    return {f"source.{key}": _source(key, value, origin.training) for key, value in parameters.items()}


def _source(key: str, value: Any, configured: Mapping[str, Any]) -> str:
    if key not in configured:
        return "default or launch"
    return "config.yaml" if configured[key] == value else "launch"


def _lineage(inputs: Inputs, origin: Origin, content: str, base: Mapping[str, Any]) -> dict[str, str]:
    known = {
        "agent": origin.agent,
        "repository": origin.repository,
        "runbook_commit": origin.commit,
        "runbook_sha256": origin.runbook_sha256,
        names.DATASET_TAG: archive.digest(inputs.dataset.path),
        names.CONTENT_TAG: content,
        "adapters_sha256": archive.digest(inputs.adapters.path),
        "base_model": str(base.get("model_name", "")),
        "base_revision": str(base.get("revision", "")),
        "execution": EXECUTION.read(),
    }
    return {key: value for key, value in known.items() if value}


def _why(inputs: Inputs) -> dict[str, str]:
    known = {names.CAUSE_TAG: inputs.cause, names.REASON_TAG: inputs.reason}
    found = {key: value for key, value in known.items() if value}
    return found | ({names.trained_tag(inputs.cause): "true"} if inputs.cause else {})


def _stages(inputs: Inputs) -> dict[str, str]:
    """Returns the version of each stage that took part, by `stage.<name>`, and this one's."""
    versions = {"register": contract.load("register").version}
    for artifact in (inputs.dataset, inputs.model, inputs.evaluation):
        for made in _makers(artifact):
            if made.get("stage") and made.get("version"):
                versions[made["stage"]] = made["version"]
    return {f"stage.{stage}": version for stage, version in versions.items()}


def _makers(artifact: Artifact) -> Iterator[dict[str, Any]]:
    lineage = artifact.lineage()
    yield from lineage.get("inputs", {}).values()
    yield lineage


def _training(inputs: Inputs) -> Iterator[Point]:
    metrics = inputs.metrics.read()
    for key in ("training_loss", "validation_loss"):
        for entry in metrics[key]:
            yield Point(key, float(entry["loss"]), int(entry["iteration"]))
    for key in ("seconds", "tokens_per_second", "peak_memory_bytes"):
        if isinstance(metrics.get(key), int | float):
            yield Point(f"training/{key}", float(metrics[key]))


def _evaluation(report: Mapping[str, Any]) -> Iterator[Point]:
    yield Point("accuracy", report["tuned"]["accuracy"])
    yield Point("accuracy_before", report["base"]["accuracy"])
    for side in ("tuned", "base"):
        for key, value in _leaves(report[side]):
            yield Point(f"{side}/{key}", value)
    tuned = dict(_leaves(report["tuned"]))
    for name in CALLS:
        if f"{name}/share" in tuned:  # where no row asks it, nothing was measured
            yield Point(name, tuned[f"{name}/share"])
    for split in (UNSEEN_ALERTS, UNCOVERED_ALERTS):
        if measured := report.get(split):
            yield Point(split.replace("test", "accuracy", 1), measured["tuned"]["accuracy"])


def _leaves(tree: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and key not in TABLES:
            yield from ((f"{key}/{rest}", number) for rest, number in _leaves(value))
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield key.replace(" ", "_"), float(value)


def _check_finite(point: Point) -> None:
    if not math.isfinite(point.value):
        where = f" at step {point.step}" if point.step else ""
        raise StageError(f"the metric {point.key} is {point.value}{where}; train again, with a lower learning_rate")


def _files(inputs: Inputs) -> dict[str, list[Path]]:
    dataset, evaluation = inputs.dataset.path, inputs.evaluation.path
    folders = {
        "": [inputs.model.path / name for name in ("prompt.json", CALLS_FILE)],
        "dataset": [dataset / name for name in ("agent.json", "README.md", Path(names.DATASET_CARD).name)],
        "training": [inputs.metrics.path],
        "adapters": sorted(inputs.adapters.path.iterdir()),
        "evaluation": [evaluation / Path(names.PREDICTIONS).name],
    }
    return {folder: [file for file in files if file.is_file()] for folder, files in folders.items()}
