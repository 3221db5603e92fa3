"""The model card: what a person should know before using the model, as README.md with the hub's metadata in front.

Equal inputs give equal bytes: nothing in it comes from the run, the clock or the machine, because it is published
beside the model under a manifest that never changes.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared import sentences
from shared.agent_config.formats import DEFAULT, gguf_formats
from shared.answers import Predictions, expected_calls, right_rows, tuned_texts
from shared.artifacts import UNCOVERED_ALERTS, ChatDataset, ModelCard
from shared.errors import one_line
from shared.function_call import Call
from shared.prompt import PLACEHOLDER, FunctionNames, PromptFile, Schema
from stages.register.card import markdown
from stages.register.card.measures import measures
from stages.register.contract import Inputs
from stages.register.gate.gate import Verdict
from stages.register.record.run_record import RunRecord, read_base

TEMPLATE = "card.md.jinja"
FILE = "README.md"
MISTAKES = 5  # one of an alert
MOST_CALLED = 10  # uncovered alerts that the card names
_GEMMA = re.compile(r"(.*/)?(function)?gemma\b.*", re.IGNORECASE | re.DOTALL)


def write_card(inputs: Inputs, record: RunRecord, verdict: Verdict, folder: Path) -> ModelCard:
    """Writes the card of a model whose version is known to README.md in folder. All text in it is made harmless."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=False,  # Markdown is no HTML; the filters below do it
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    filters = {"plain": markdown.plain, "code": markdown.code, "cell": markdown.cell, "rows": sentences.rows}
    environment.filters |= filters
    card = ModelCard(folder / FILE)
    card.path.write_text(environment.get_template(TEMPLATE).render(_content(inputs, record, verdict)), "utf-8")
    return card


def is_gemma(base: str) -> bool:
    """Returns whether a base model is one of the Gemma family, by its name on the hub or its folder's."""
    return bool(_GEMMA.fullmatch(base))


def front_matter(base: str) -> str:
    """Returns the metadata as the hub reads it (https://huggingface.co/docs/hub/model-cards#model-card-metadata)."""
    known: dict[str, Any] = {
        "base_model": one_line(base),
        **({"license": "gemma"} if is_gemma(base) else {}),
        "library_name": "mlx",
        "pipeline_tag": "text-generation",
        "language": ["en"],
        "tags": ["function-calling", "mlx"],
    }
    return str(yaml.safe_dump(known, sort_keys=False, allow_unicode=True, width=1000))


def _content(inputs: Inputs, record: RunRecord, verdict: Verdict) -> dict[str, Any]:
    dataset, base = inputs.dataset, read_base(inputs.model)
    base_name = str(base.get("model_name") or "unknown")
    report, texts = inputs.evaluation.report(), tuned_texts(inputs.evaluation.predictions())
    right = right_rows(dataset, texts)
    return {
        "front_matter": front_matter(base_name),
        "name": record.name,
        "agent": record.agent,
        "base_name": base_name,
        "base_revision": str(base.get("revision", "")),
        "is_gemma": is_gemma(base_name),
        "functions": list(_functions(inputs.model.prompt())),
        "runbook": str(dataset.agent()["runbook"].get("path", "")),
        "commit": record.tags["runbook_commit"],
        "splits": record.rows.splits,
        "dataset_digest": record.rows.digest,
        "measures": list(measures(report)),
        "called": _called(report),
        "is_approved": verdict.approved,
        "decision": verdict.decision,
        "tested": len(right),
        "wrong": list(right.values()).count(False),
        "mistakes": list(_mistakes(dataset, texts, right)),
        "example": _example(dataset, texts),
        "adds_bos": inputs.model.adds_bos(),
        "gguf": _gguf(dataset),
    }


def _functions(prompt_file: PromptFile) -> Iterator[dict[str, Any]]:
    schemas = {schema["name"]: schema for schema in prompt_file.functions.schemas}
    for name, inside in prompt_file.functions.names.functions.items():
        schema = schemas[inside.model]
        yield {
            "name": name,
            "inside": inside.model,
            "parameters": _parameters(schema, inside),
            "description": str(schema.get("description", "")),
        }


def _parameters(schema: Schema, inside: FunctionNames) -> list[str]:
    """Returns each parameter as `kind: string`, with a `?` where it may be missing and its choices."""
    declared = schema.get("parameters") or {}
    required, properties = declared.get("required") or [], declared.get("properties") or {}
    shown = []
    for name in inside.parameters.values():
        known = properties.get(name, {})
        choices = " of " + ", ".join(map(str, known["enum"])) if known.get("enum") else ""
        shown.append(f"{name}{'' if name in required else '?'}: {known.get('type', '')}{choices}")
    return shown


def _called(report: Mapping[str, Any]) -> list[dict[str, str]]:
    """Returns the uncovered alerts that got a call, with it; the first ones."""
    part = report.get(UNCOVERED_ALERTS)
    called = list(part["tuned"].get("called", {}).items()) if part else []
    return [
        {
            "alert": str(alert or "an alert without a name"),
            "count": f"{each['count']} of {sentences.rows(each['rows'])}",
            "answer": _written([Call(call["name"], call["arguments"]) for call in each["answer"]]),
        }
        for alert, each in called[:MOST_CALLED]
    ]


def _mistakes(dataset: ChatDataset, texts: Predictions, right: Mapping[str, bool]) -> Iterator[dict[str, str]]:
    """Returns the first wrong answer to each of the first alerts that have one."""
    prompt_file, shown = dataset.prompt(), set[str]()
    for row in dataset.rows("test"):
        if right.get(row["id"], True) or row["alert"] in shown or len(shown) == MISTAKES:
            continue
        shown.add(row["alert"])
        yield {
            "alert": str(row["alert"] or "an alert that the runbook does not know"),
            "expected": _written(expected_calls(row)),
            "answered": _answered(prompt_file, texts[row["id"]]),
        }


def _answered(prompt_file: PromptFile, text: str) -> str:
    reading = prompt_file.read(text)
    return _written(reading.calls) if reading.fault is None else text


def _written(calls: Sequence[Call]) -> str:
    written = (f"{call.name} {json.dumps(call.arguments, sort_keys=True, ensure_ascii=False)}" for call in calls)
    return " + ".join(written) or "no call"


def _example(dataset: ChatDataset, texts: Predictions) -> dict[str, str]:
    """Returns the text of the first test row as a Python literal, and the answer to it, '' where there was none."""
    row, prompt_file = dataset.rows("test")[0], dataset.prompt()
    before, after = prompt_file.user_turn.split(PLACEHOLDER)
    content = row["prompt"].removeprefix(prompt_file.prefix + before).removesuffix(after)
    return {"content": repr(content), "answer": texts.get(row["id"], "")}


def _gguf(dataset: ChatDataset) -> str:
    """Returns the folder of the GGUF that publish is to store first, '' where it stores none."""
    deploy = dataset.agent()["config"].get("deploy") or {}
    return next(iter(gguf_formats(deploy.get("formats") or DEFAULT)), "")
