"""What crosses from stage to stage, and how each kind is checked.

A directory artefact crosses as one canonical tar (`shared.archive`), a file artefact as it is.
The producer runs `check` after its work and the consumer before its own: the same method.
Each directory carries `artifact.json`, written by the engine: what it is, which stage of which
version made it, and from what.
"""

import hashlib
import json
import re
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from shared import archive
from shared.asking import call_policy
from shared.asking.agent import Agent
from shared.asking.call_policy import CallPolicy
from shared.errors import StageError
from shared.prompt import PromptFile

LINEAGE = "artifact.json"
SPLITS = ("train", "valid", "test")
# Splits that a dataset may lack: whole alerts that training never saw, and whole ones that want no call.
UNSEEN_ALERTS, UNCOVERED_ALERTS = "test_unseen_alerts", "test_uncovered_alerts"
ALL_SPLITS = (*SPLITS, UNSEEN_ALERTS, UNCOVERED_ALERTS)
ROW_KEYS = {"id", "prompt", "completion", "alert", "function", "call"}
ROW_TEXTS = ("id", "prompt", "completion")
PREDICTION_KEYS = {"id", "expected", "base", "tuned"}
MAX_HEADER = 100 << 20  # the safetensors format's own limit


@dataclass(frozen=True)
class Artifact:
    """A file or a directory of a known kind at `path`."""

    path: Path
    is_directory: ClassVar[bool] = True

    def check(self) -> None:
        """Raises StageError, naming the file, where the content is not what the kind demands."""
        raise NotImplementedError

    def lineage(self) -> dict[str, Any]:
        """Returns artifact.json's content: type, stage, version, inputs; {} for a folder made by hand."""
        known = self.path / LINEAGE
        return _json_object(known) if known.exists() else {}


class ChatDataset(Artifact):
    """Training rows for one agent: {train,valid,test}.jsonl, prompt.json, calls.json, agent.json, README.md."""

    def check(self) -> None:
        for split in ALL_SPLITS:
            if split in SPLITS or self.has(split):
                self._check_rows(self.path / f"{split}.jsonl")
        _check_policy(self.path, self.prompt(), self.policy())
        _json_object(self.path / "agent.json")

    def has(self, split: str) -> bool:
        """Returns whether the dataset has the split."""
        return (self.path / f"{split}.jsonl").exists()

    def rows(self, split: str) -> list[dict[str, Any]]:
        """Returns the rows of a split: id, prompt, completion, alert, function, call; none of an absent one."""
        if split not in SPLITS and not self.has(split):
            return []
        return [row for _, row in _json_lines(self.path / f"{split}.jsonl")]

    def prompt(self) -> PromptFile:
        """Returns the renderer of the prompts that the rows were made with."""
        return _prompt_file(self.path / "prompt.json")

    def policy(self) -> CallPolicy | None:
        """Returns what a call must be before an agent makes it, None in a dataset of an earlier release."""
        return _call_policy(self.path / call_policy.FILE)

    def agent(self) -> dict[str, Any]:
        """Returns agent.json: the agent, its source commit and its configuration."""
        return _json_object(self.path / "agent.json")

    def _check_rows(self, file: Path) -> None:
        if not _check_lines(file, ROW_KEYS, ROW_TEXTS):
            raise StageError(f"{file} holds no row; every split needs at least one")


class MlxModel(Artifact):
    """A model that mlx-lm loads: config.json, *.safetensors, a tokenizer. A fine-tuned one has prompt.json."""

    def check(self) -> None:
        if "model_type" not in _json_object(self.path / "config.json"):
            raise StageError(f"{self.path / 'config.json'} names no model_type; is this a Hugging Face model?")
        weights = sorted(self.path.glob("*.safetensors"))
        if not weights:
            raise StageError(f"{self.path} holds no *.safetensors; only safetensors weights are accepted")
        for file in weights:
            check_safetensors(file)
        for name in ("tokenizer.json", "tokenizer_config.json"):
            _json_object(self.path / name)
        if scripts := sorted(path.name for path in self.path.rglob("*.py")):
            raise StageError(f"{self.path} holds code ({', '.join(scripts)}); a model must be data alone")

    def weights_digest(self) -> str:
        """Returns the sha256 (hex) of the weights' files."""
        lines = [f"{archive.digest(file)}  {file.name}\n" for file in sorted(self.path.glob("*.safetensors"))]
        return hashlib.sha256("".join(lines).encode()).hexdigest()


class FineTunedModel(MlxModel):
    """An MlxModel with the fused adapters, and prompt.json and calls.json of the dataset that it was trained with."""

    def check(self) -> None:
        super().check()
        _check_policy(self.path, self.prompt(), self.policy())

    def content_digest(self) -> str:
        """Returns the sha256 (hex) of what answers: weights, configuration, tokenizer and prompt.

        Model versions are named by it: the same content twice is one version.
        """
        lines = [f"{archive.digest(self.path / name)}  {name}\n" for name in self.content_files()]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def content_files(self) -> list[str]:
        """Returns the names of the files that whoever serves the model needs, sorted."""
        names = (path.relative_to(self.path).as_posix() for path in self.path.rglob("*") if path.is_file())
        return sorted(name for name in names if name != LINEAGE)

    def prompt(self) -> PromptFile:
        """Returns the renderer of the prompts that the model was trained with."""
        return _prompt_file(self.path / "prompt.json")

    def policy(self) -> CallPolicy | None:
        """Returns what a call must be before an agent makes it, None in a model of an earlier release."""
        return _call_policy(self.path / call_policy.FILE)

    def adds_bos(self) -> bool:
        """Returns whether the tokenizer puts `<bos>` before a text, as Gemma's does; the prompt has one already."""
        tokenizer = _json_object(self.path / "tokenizer.json")
        return '"<bos>"' in json.dumps(tokenizer.get("post_processor"))


class Adapters(Artifact):
    """LoRA adapters as mlx-lm writes them: adapters.safetensors and adapter_config.json."""

    def check(self) -> None:
        check_safetensors(self.path / "adapters.safetensors")
        _json_object(self.path / "adapter_config.json")


class TrainingMetrics(Artifact):
    """One JSON file: parameters, losses by iteration, seconds, tokens per second, peak memory in bytes."""

    is_directory = False

    def check(self) -> None:
        metrics = self.read()
        if missing := {"parameters", "training_loss", "validation_loss", "seconds"} - metrics.keys():
            raise StageError(f"{self.path} has no {', '.join(sorted(missing))}; is it train's metrics file?")

    def read(self) -> dict[str, Any]:
        """Returns the metrics. Raises StageError where the file is no JSON object."""
        return _json_object(self.path)


class ModelCard(Artifact):
    """A README.md about one model: YAML front matter as the Hugging Face hub reads it, then Markdown."""

    is_directory = False

    def check(self) -> None:
        if not re.fullmatch(r"---\n\S.*?\n---\n.*\S.*", _text(self.path), re.DOTALL):
            raise StageError(f"{self.path} is no model card; it needs YAML between two lines of ---, and a page below")


class Evaluation(Artifact):
    """report.json, report.html, and predictions.jsonl with the raw text of every prediction by row id."""

    def check(self) -> None:
        report = self.report()
        for side in ("base", "tuned"):
            part = report.get(side)
            accuracy = part.get("accuracy") if isinstance(part, dict) else None
            if not isinstance(accuracy, float) or not 0 <= accuracy <= 1:
                raise StageError(f"{self.path / 'report.json'}: {side}.accuracy is {accuracy!r}, not a share")
        predictions = self.path / "predictions.jsonl"
        if not _check_lines(predictions, PREDICTION_KEYS, ("id",)):
            raise StageError(f"{predictions} holds no prediction")
        if not (self.path / "report.html").is_file():
            raise StageError(f"{self.path} has no report.html")

    def report(self) -> dict[str, Any]:
        """Returns report.json."""
        return _json_object(self.path / "report.json")

    def predictions(self) -> list[dict[str, Any]]:
        """Returns one prediction per test row: id, expected, base and tuned raw text."""
        return [row for _, row in _json_lines(self.path / "predictions.jsonl")]


def check_safetensors(file: Path) -> None:
    """Raises StageError where a safetensors file is missing, damaged or truncated.

    Format: 8 bytes little-endian header length, a JSON header, then the tensors without a gap
    (https://github.com/huggingface/safetensors#format).
    """
    try:
        size = file.stat().st_size
        with file.open("rb") as source:
            (length,) = struct.unpack("<Q", source.read(8))
            header = json.loads(source.read(length)) if length <= MAX_HEADER else {}
        ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
        announced = 8 + length + max(ends)
    except FileNotFoundError:
        raise StageError(f"{file} is missing") from None
    except OSError as error:
        raise StageError(f"{file} cannot be read: {error.strerror}") from None
    except (struct.error, ValueError, RecursionError, AttributeError, LookupError, TypeError):
        raise StageError(f"{file} is not a safetensors file, or it is damaged; fetch it again") from None
    if announced != size:
        raise StageError(f"{file} has {size} bytes, not those that its header announces; fetch it again")


def _check_lines(file: Path, keys: set[str], texts: tuple[str, ...]) -> int:
    """Returns how many JSON objects file holds; each must have all keys, and strings under those in texts."""
    count = 0
    for number, value in _json_lines(file):
        count += 1
        if missing := keys - value.keys():
            raise StageError(f"{file}, line {number}: the row has no {', '.join(sorted(missing))}")
        if wrong := [key for key in texts if not isinstance(value[key], str)]:
            raise StageError(f"{file}, line {number}: {', '.join(wrong)} is not a string")
    return count


def _prompt_file(file: Path) -> PromptFile:
    try:
        return PromptFile.from_json(_text(file))
    except ValueError as error:
        raise StageError(f"{file}: {error}") from None


def _call_policy(file: Path) -> CallPolicy | None:
    if not file.exists():
        return None
    try:
        return CallPolicy.from_json(_text(file))
    except ValueError as error:
        raise StageError(f"{file}: {error}") from None


def _check_policy(folder: Path, prompt: PromptFile, policy: CallPolicy | None) -> None:
    try:
        if policy:
            Agent(prompt, policy)
    except ValueError as error:
        raise StageError(f"{folder}: {error}") from None


def _json_object(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(_text(file))
    except (ValueError, RecursionError) as error:
        raise StageError(f"{file} is not valid JSON: {error}") from None
    if not isinstance(value, dict):
        raise StageError(f"{file} must hold a JSON object")
    return value


def _json_lines(file: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(_lines(file), 1):
        if not line:
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise StageError(f"{file}, line {number} is not valid JSON: {error}") from None
        if not isinstance(value, dict):
            raise StageError(f"{file}, line {number} must hold a JSON object")
        yield number, value


def _text(file: Path) -> str:
    with _readable(file):
        return file.read_text("utf-8")


def _lines(file: Path) -> Iterator[str]:
    """Yields the lines of a file, one at a time: all at once, and split, they were most of the memory of a stage."""
    with _readable(file), file.open(encoding="utf-8") as lines:
        for line in lines:
            yield line.removesuffix("\n")


@contextmanager
def _readable(file: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise StageError(f"{file} is missing") from None
    except (OSError, UnicodeDecodeError) as error:
        raise StageError(f"{file} cannot be read as UTF-8 text: {error}") from None
