"""Tiny artefacts for the tests of every stage, made with the standard library alone."""

import json
import struct
from pathlib import Path
from typing import Any

from shared.alert import render_notification
from shared.artifacts import Adapters, ChatDataset, Evaluation, FineTunedModel, ModelCard, TrainingMetrics
from shared.asking.call_policy import CallPolicy, CallRules
from shared.function_call import Call
from shared.prompt import FunctionNames, NameMap, PromptFile, render_completion

COMMIT = "0123456789abcdef0123456789abcdef01234567"
AGENT = {
    "agent": "agent-test",
    "repository": "https://git.example/homelab.git",
    "revision": "",
    "commit": COMMIT,
    "committed": "2025-12-24T10:00:00+00:00",
    "runbook": {"path": "flux/ai/agent-test/docs/RUNBOOK.md", "sha256": "ab" * 32},
    "config": {"training": {"iters": 20}, "gate": {"minimum_accuracy": 0.8}, "deploy": {}},
}
FUNCTIONS: list[dict[str, Any]] = [
    {
        "name": "pod-restart",
        "description": "Restart a workload.",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "namespace": {"type": "string"}},
            "required": ["name", "namespace"],
        },
    },
    {
        "name": "scale-deployment",
        "description": "Set the replicas of a deployment.",
        "parameters": {
            "type": "object",
            "properties": {"name": {"type": "string"}, "replicas": {"type": "integer"}},
            "required": ["name", "replicas"],
        },
    },
]
NAMES = NameMap(
    {
        "pod-restart": FunctionNames("pod_restart", {"name": "name", "namespace": "namespace"}),
        "scale-deployment": FunctionNames("scale_deployment", {"name": "name", "replicas": "replicas"}),
    }
)

NO_FALSE_CALLS: dict[str, Any] = {"rows": 0, "count": 0, "share": None, "interval": None, "by_split": {}}
NO_MISSED_CALLS: dict[str, Any] = {"rows": 4, "count": 0, "share": 0.0, "interval": [0.0, 0.4899]}


def prompt_file() -> PromptFile:
    """Returns the prompt file of the two sample functions."""
    return PromptFile.render(FUNCTIONS, NAMES)


def call_policy() -> CallPolicy:
    """Returns what a call of the two sample functions must be."""
    taught = {"pod-restart": frozenset({"Down"}), "scale-deployment": frozenset({"Busy"})}
    rules = {
        each["name"]: CallRules(each["parameters"] | {"additionalProperties": False}, alerts=taught[each["name"]])
        for each in FUNCTIONS
    }
    return CallPolicy(rules)


def row(number: int) -> dict[str, Any]:
    """Returns one dataset row; even numbers restart, odd ones scale."""
    name = f"shop-{number}"
    restart = Call("pod-restart", {"name": name, "namespace": "web"})
    call = restart if number % 2 == 0 else Call("scale-deployment", {"name": name, "replicas": 3})
    alert = {"labels": {"alertname": "Down" if number % 2 == 0 else "Busy", "deployment": name, "namespace": "web"}}
    return {
        "id": f"{number:016x}",
        "prompt": prompt_file().prompt(render_notification(alert)),
        "completion": render_completion([NAMES.to_model(call)]),
        "alert": alert["labels"]["alertname"],
        "function": call.name,
        "call": json.dumps({"name": call.name, "arguments": call.arguments}, sort_keys=True),
        "notification": json.dumps(alert, sort_keys=True),
    }


def write_dataset(folder: Path, train: int = 8, valid: int = 4, test: int = 4) -> ChatDataset:
    """Writes a dataset of the given numbers of rows to folder and returns it."""
    folder.mkdir(parents=True)
    first = 0
    for split, count in (("train", train), ("valid", valid), ("test", test)):
        lines = [json.dumps(row(number)) + "\n" for number in range(first, first + count)]
        (folder / f"{split}.jsonl").write_text("".join(lines))
        first += count
    (folder / "prompt.json").write_text(prompt_file().to_json())
    (folder / "calls.json").write_text(call_policy().to_json())
    (folder / "agent.json").write_text(json.dumps(AGENT))
    return ChatDataset(folder)


def write_model(folder: Path, weights: bytes = b"\0\0\0\0") -> FineTunedModel:
    """Writes the files of a fine-tuned model that is valid in form; its weights are `weights`."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text('{"model_type": "gemma3_text"}')
    (folder / "tokenizer.json").write_text("{}")
    (folder / "tokenizer_config.json").write_text("{}")
    (folder / "prompt.json").write_text(prompt_file().to_json())
    (folder / "calls.json").write_text(call_policy().to_json())
    (folder / "base.json").write_text('{"model_name": "tiny", "revision": "r1", "dtype": "float32", "files": {}}')
    write_safetensors(folder / "model.safetensors", weights)
    return FineTunedModel(folder)


def write_adapters(folder: Path) -> Adapters:
    """Writes the files of adapters that are valid in form."""
    folder.mkdir(parents=True)
    write_safetensors(folder / "adapters.safetensors", b"\1\2\3\4")
    (folder / "adapter_config.json").write_text('{"fine_tune_type": "lora"}')
    return Adapters(folder)


def write_metrics(file: Path) -> TrainingMetrics:
    """Writes a training metrics file with three steps."""
    losses = [{"iteration": step, "loss": 3.0 - step} for step in (1, 2)]
    parameters = {"learning_rate": 0.001, "batch_size": 4, "iters": 20, "seed": 0}
    metrics = {
        "parameters": parameters,
        "training_loss": losses,
        "validation_loss": losses,
        "seconds": 12.5,
        "tokens_per_second": 1000.0,
        "peak_memory_bytes": 1 << 20,
        "device": "cpu",
    }
    file.write_text(json.dumps(metrics))
    return TrainingMetrics(file)


def write_evaluation(folder: Path, accuracy: float = 0.9, accuracy_before: float = 0.4) -> Evaluation:
    """Writes an evaluation of the dataset's four test rows, which all want a call, with the given accuracies."""
    folder.mkdir(parents=True)
    calls = {"false_calls": NO_FALSE_CALLS, "missed_calls": NO_MISSED_CALLS}
    sides = {"base": {"accuracy": accuracy_before, **calls}, "tuned": {"accuracy": accuracy, **calls}}
    (folder / "report.json").write_text(json.dumps({"rows": 4, **sides}))
    (folder / "report.html").write_text("<!doctype html><title>report</title>")
    predictions = [
        {"id": row(number)["id"], "expected": row(number)["call"], "base": "", "tuned": row(number)["completion"]}
        for number in range(12, 16)
    ]
    (folder / "predictions.jsonl").write_text("".join(json.dumps(prediction) + "\n" for prediction in predictions))
    return Evaluation(folder)


def write_card(file: Path) -> ModelCard:
    """Writes a model card that is valid in form."""
    file.write_text("---\nlibrary_name: mlx\n---\n\n# agent-test\n")
    return ModelCard(file)


def write_safetensors(file: Path, data: bytes) -> None:
    """Writes one uint8 tensor `weight` that holds data."""
    header = json.dumps({"weight": {"dtype": "U8", "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
    file.write_bytes(struct.pack("<Q", len(header)) + header + data)
