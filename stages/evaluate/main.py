"""The stage evaluate: both models answer every test row, and the answers are judged."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from shared import stage
from shared.artifacts import UNCOVERED_ALERTS, UNSEEN_ALERTS, Evaluation, FineTunedModel, MlxModel
from shared.asking.call_policy import FILE as CALLS_FILE
from shared.asking.call_policy import CallPolicy
from shared.errors import StageError
from shared.origin import check_made_from
from shared.prompt import PromptFile
from stages.evaluate.answering.decoding import BATCH, Answer, WarmModel, timed
from stages.evaluate.answering.runtime import HOST, get_total_parameters
from stages.evaluate.answering.tokens import PromptTokenizer
from stages.evaluate.contract import Inputs, Outputs
from stages.evaluate.judging.scoring import Question, judge, read_questions
from stages.evaluate.progress import log, progress
from stages.evaluate.reporting.page import render_page
from stages.evaluate.reporting.report import (
    LATENCY,
    SIDES,
    THROUGHPUT,
    Examined,
    build_report,
    describe_lineage,
    describe_model,
    describe_training,
    prediction_lines,
)

HELD_OUT = ("test", UNSEEN_ALERTS, UNCOVERED_ALERTS)
LATENCY_ROWS = 100  # the fewest of which the 99th percentile is not the slowest


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Answers every held-out row with both models; returns the report, and both accuracies on the split test."""
    log(HOST)
    check_made_from(inputs.model, "model", inputs.base_model)
    prompt_file, policy = same_prompt(inputs), policy_of(inputs.model)
    rows = [row for split in HELD_OUT for row in read_questions(inputs.dataset, split)]
    check_calls_are_due(rows)
    models: dict[str, MlxModel] = dict(zip(SIDES, (inputs.base_model, inputs.model), strict=True))
    tokenizers = {side: PromptTokenizer(model.path, prompt_file.stop_tokens) for side, model in models.items()}
    tokenizers["base"].refuse_another(tokenizers["tuned"])
    examined: dict[str, Examined] = {}
    for side, model in models.items():
        warm = WarmModel(model.path, tokenizers[side], prompt_file.prefix, inputs.max_tokens)
        examined[side] = examine(side, warm, rows, prompt_file)
        parameters = int(get_total_parameters(warm.model))  # type: ignore[no-untyped-call]
        del warm  # two models at a time need twice the memory
    training = read_questions(inputs.dataset, "train")
    report = build_report(inputs.dataset, training, examined, prompt_file, policy)
    report["model"] = describe_model(inputs.base_model, inputs.model, parameters)
    report["settings"] = settings(inputs)
    report["lineage"] = describe_lineage(inputs.dataset, inputs.base_model, inputs.model)
    metrics = inputs.metrics.read()
    report["training"] = describe_training(metrics)
    write(outputs / "evaluation", report, examined, metrics)
    accuracies = {side: report[side]["accuracy"] for side in SIDES}
    return Outputs(Evaluation(outputs / "evaluation"), accuracies["tuned"], accuracies["base"])


def check_calls_are_due(rows: Sequence[Question]) -> None:
    """Raises StageError where no test row needs a call: a model that never calls would be right in all of them."""
    if not any(row.expected for row in rows if row.split == "test"):
        count = sum(row.split == "test" for row in rows)
        raise StageError(
            f"none of the {count} test rows needs a call, so that silence would be accurate; "
            "describe more alerts, or lower no_call_share"
        )


def same_prompt(inputs: Inputs) -> PromptFile:
    """Returns the prompt of dataset and model. Raises StageError where they are not one."""
    prompt_file = inputs.model.prompt()
    if prompt_file.to_json() != inputs.dataset.prompt().to_json():
        raise StageError(
            "the model was trained with another prompt.json than the dataset's: its functions or their wording have "
            "changed since; train on this dataset, or evaluate on the dataset that the model was trained on"
        )
    return prompt_file


def policy_of(model: FineTunedModel) -> CallPolicy | None:
    """Returns what a call of the model must be, None where an earlier release made it, after saying so."""
    policy = model.policy()
    if policy is None:
        log(f"the model has no {CALLS_FILE}, as an earlier release made it: what its client would stop is not measured")
    return policy


def examine(side: str, warm: WarmModel, rows: Sequence[Question], prompt_file: PromptFile) -> Examined:
    """Returns one model's judged answers, and its timings."""
    prompts = [row.prompt for row in rows]
    warm.warm_up(prompts)
    with progress(f"{side}: rows answered", len(rows)) as advance:
        answers, seconds = timed(lambda: warm.answer_all(prompts, advance))
    judged = [judge(row, prompt_file.read(answer.text), answer.text) for row, answer in zip(rows, answers, strict=True)]
    sample = [prompts[number] for number in spread(len(rows), LATENCY_ROWS)]
    with progress(f"{side}: single requests timed", len(sample)) as advance:
        latencies = [1000 * _seconds_of_one(warm, prompt, advance) for prompt in sample]
    with progress(f"{side}: right answers weighed", len(rows)) as advance:
        gold = warm.log_probabilities(prompts, [row.completion for row in rows], advance)
    return Examined(judged, latencies, tokens(answers), seconds, gold)


def spread(rows: int, most: int) -> list[int]:
    """Returns at most `most` row numbers below rows, evenly spread."""
    count = min(rows, most)
    return [number * rows // count for number in range(count)]


def tokens(answers: Sequence[Answer]) -> int:
    """Returns the tokens of all answers."""
    return sum(answer.tokens for answer in answers)


def settings(inputs: Inputs) -> dict[str, Any]:
    """Returns how the numbers were made."""
    return {
        "max_tokens": inputs.max_tokens,
        "batch": BATCH,
        "decoding": "greedy",
        "latency": LATENCY,
        "throughput": THROUGHPUT,
        "host": HOST,
    }


def write(folder: Path, report: dict[str, Any], examined: dict[str, Examined], metrics: dict[str, Any]) -> None:
    """Writes the evaluation's three files."""
    folder.mkdir()
    base, tuned = (examined[side].judged for side in SIDES)
    (folder / "report.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    (folder / "predictions.jsonl").write_text(prediction_lines(base, tuned), "utf-8")
    (folder / "report.html").write_text(render_page(report, metrics, base, tuned), "utf-8")


def _seconds_of_one(warm: WarmModel, prompt: str, advance: Callable[[int], None]) -> float:
    _, seconds = timed(lambda: warm.answer(prompt))
    advance(1)
    return seconds


if __name__ == "__main__":
    stage.main("evaluate", run)
