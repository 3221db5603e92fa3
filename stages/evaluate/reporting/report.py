"""report.json and predictions.jsonl: every number, and every answer that it was counted from."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared import archive
from shared.artifacts import ALL_SPLITS, UNCOVERED_ALERTS, UNSEEN_ALERTS, ChatDataset, FineTunedModel, MlxModel
from shared.asking.agent import Agent
from shared.asking.call_policy import CallPolicy
from shared.prompt import PromptFile
from stages.evaluate.judging import intervals
from stages.evaluate.judging.actions import called_alerts, false_calls, missed_calls
from stages.evaluate.judging.baselines import DESCRIPTIONS, baselines, most_frequent_function
from stages.evaluate.judging.guard import acted_upon, guarded
from stages.evaluate.judging.scoring import RIGHT, Judged, Question, judge, label, measure

SIDES = ("base", "tuned")
LATENCY = (
    "one request after another on a warm model that holds the keys and values of the prompt's prefix: "
    "tokenise the prompt, read the alert, write the answer up to its stop token, decode the text"
)
SIGNIFICANCE = 0.05
BASELINE_NAMES = {"lookup": "a lookup by the alert's name", "majority": "the most frequent call"}
THROUGHPUT = "tokens written to all rows, decoded in batches behind the cached prefix, by the seconds that took"


@dataclass(frozen=True)
class Examined:
    """One model's judged answers to the held-out rows, and how fast they came."""

    judged: list[Judged]
    latencies: list[float]
    """Milliseconds of single requests."""
    tokens: int
    seconds: float
    gold: list[list[float]]
    """For each row the log-probabilities, in nats, of the right answer's tokens."""

    def of(self, split: str) -> list[Judged]:
        """Returns the judged answers to the rows of one split."""
        return [answer for answer in self.judged if answer.question.split == split]

    def measured(self, split: str, prompt_file: PromptFile) -> dict[str, Any]:
        """Returns the measures of the answers to one split's rows, and what the model thinks of the right answers."""
        found = measure(self.of(split), prompt_file)
        pairs = zip(self.judged, self.gold, strict=True)
        gold = [scores for answer, scores in pairs if answer.question.split == split]
        sums, counts = [sum(scores) for scores in gold], [len(scores) for scores in gold]
        found["gold_log_probability"] = sum(sums) / sum(counts)
        found["intervals"]["gold_log_probability"] = intervals.of_ratio(sums, counts)
        return found

    def speed(self) -> dict[str, Any]:
        """Returns the timings as report.json holds them."""
        ordered = sorted(self.latencies)
        latency = {
            "p50": percentile(ordered, 50),
            "p95": percentile(ordered, 95),
            "p99": percentile(ordered, 99),
            "n": len(ordered),
        }
        return {
            "latency_ms": latency,
            "tokens_per_second": self.tokens / self.seconds,
            "tokens_per_answer": self.tokens / len(self.judged),
        }


def percentile(ordered: Sequence[float], percent: int) -> float:
    """Returns the smallest of the ordered values that `percent` % of them do not exceed (nearest rank)."""
    return ordered[-(-len(ordered) * percent // 100) - 1]


def build_report(
    dataset: ChatDataset,
    training: Sequence[Question],
    examined: Mapping[str, Examined],
    prompt_file: PromptFile,
    policy: CallPolicy | None,
) -> dict[str, Any]:
    """Returns the measured part of report.json. examined: by "base" and "tuned"; policy: the model's, if it has one."""
    tuned = examined["tuned"].of("test")
    test = [answer.question for answer in tuned]
    measured = measure_split("test", training, examined, prompt_file)
    agent = Agent(prompt_file, policy) if policy else None
    sides = {side: measured[side] | examined[side].speed() | client_measures(examined[side], agent) for side in SIDES}
    simple = judged_baselines(training, [answer.question for answer in examined["tuned"].judged])
    for name, each in measured["baselines"].items():
        each |= {"description": DESCRIPTIONS[name], **calls_made(simple[name])}
    origin = dataset.agent()
    return {
        "agent": origin["agent"],
        "commit": origin["commit"],
        "rows": len(test),
        "splits": {split: len(dataset.rows(split)) for split in ALL_SPLITS},
        "rows_also_in_training": len({row.prompt for row in test} & {row.prompt for row in training}),
        **sides,
        "change": changes(examined["base"].of("test"), tuned),
        "baselines": measured["baselines"],
        "most_frequent_function": _function_alone(training, test),
        "comparison": compare(sides["tuned"], measured["baselines"]),
        UNSEEN_ALERTS: measure_alerts(UNSEEN_ALERTS, training, examined, prompt_file),
        UNCOVERED_ALERTS: measure_uncovered(training, examined, prompt_file, agent),
    }


def client_measures(examined: Examined, agent: Agent | None) -> dict[str, Any]:
    """Returns the false and missed calls of what an agent would do, and those of the model without its client."""
    said = {"model_alone": calls_made(examined.judged)}
    return {**calls_made(acted_upon(examined.judged, agent)), **said, "guard": guarded(examined.judged, agent)}


def calls_made(judged: Sequence[Judged]) -> dict[str, Any]:
    """Returns the false and the missed calls among a side's answers to all held-out rows."""
    return {"false_calls": false_calls(judged), "missed_calls": missed_calls(judged)}


def measure_uncovered(
    training: Sequence[Question], examined: Mapping[str, Examined], prompt_file: PromptFile, agent: Agent | None
) -> dict[str, Any] | None:
    """Returns `measure_alerts` of the alerts that nothing covers, with those that each side would act upon."""
    found = measure_alerts(UNCOVERED_ALERTS, training, examined, prompt_file)
    if found is None:
        return None
    for side in SIDES:
        found[side]["called"] = called_alerts(acted_upon(examined[side].of(UNCOVERED_ALERTS), agent))
    return found


def measure_alerts(
    split: str, training: Sequence[Question], examined: Mapping[str, Examined], prompt_file: PromptFile
) -> dict[str, Any] | None:
    """Returns what `measure_split` does of a split of whole alerts, with their names and rows; None without any."""
    rows = [answer.question for answer in examined["tuned"].of(split)]
    if not rows:
        return None
    alerts = sorted({row.alert for row in rows})
    return {"rows": len(rows), "alerts": alerts, **measure_split(split, training, examined, prompt_file)}


def measure_split(
    split: str, training: Sequence[Question], examined: Mapping[str, Examined], prompt_file: PromptFile
) -> dict[str, Any]:
    """Returns the measures of both models and of the baselines on one split."""
    tuned = examined["tuned"].of(split)
    simple = judged_baselines(training, [answer.question for answer in tuned])
    return {
        **{side: examined[side].measured(split, prompt_file) for side in SIDES},
        "baselines": {
            name: measure(judged, prompt_file) | {"change": changes(judged, tuned)} for name, judged in simple.items()
        },
    }


def compare(tuned: Mapping[str, Any], simple: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Returns how the tuned model stands to the best baseline.

    `is_above` counts rows, `chance` is the probability that as uneven a difference is nothing but
    luck, and `sentence` says both.
    """
    name, best = max(simple.items(), key=lambda item: item[1]["right"])
    gained, lost = best["change"]["gained"], best["change"]["lost"]
    chance = intervals.chance_of(gained, lost)
    if gained == lost:
        standing = "It is level with"
    else:
        doubt = ", though not by more than chance allows," if chance > SIGNIFICANCE else ""
        standing = f"It is {'above' if gained > lost else 'below'}{doubt}"
    percent = f"{100 * best['accuracy']:.0f}\u202f%"
    sentence = (
        f"{standing} the best answer without a model, {BASELINE_NAMES[name]} ({percent}): "
        f"right on {_rows(gained)} that the baseline has wrong, wrong on {lost} that it has right."
    )
    is_above = tuned["right"] > best["right"]
    return {"best_baseline": name, "is_above": is_above, "chance": chance, "sentence": sentence}


def judged_baselines(training: Sequence[Question], test: Sequence[Question]) -> dict[str, list[Judged]]:
    """Returns each baseline's judged answers to the test rows."""
    return {
        name: [judge(row, reading) for row, reading in zip(test, readings, strict=True)]
        for name, readings in baselines(training, test).items()
    }


def changes(before: Sequence[Judged], after: Sequence[Judged]) -> dict[str, int]:
    """Returns how many rows are right only after, and right only before."""
    pairs = [(old.verdict == RIGHT, new.verdict == RIGHT) for old, new in zip(before, after, strict=True)]
    return {"gained": pairs.count((False, True)), "lost": pairs.count((True, False))}


def _function_alone(training: Sequence[Question], test: Sequence[Question]) -> dict[str, Any]:
    """Returns the function that most training rows expect, and the share of test rows that expect it too."""
    function = most_frequent_function(training)
    return {"function": function, "name_accuracy": sum(label(row.expected) == function for row in test) / len(test)}


def _rows(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def describe_model(base: MlxModel, tuned: FineTunedModel, parameters: int) -> dict[str, Any]:
    """Returns what is known of the two models: the base's name and revision, parameters, bytes of the weights."""
    known = tuned.path / "base.json"
    source = json.loads(known.read_text("utf-8")) if known.exists() else {}
    return {
        "base_name": source.get("model_name", ""),
        "base_revision": source.get("revision", ""),
        "parameters": parameters,
        "base_bytes": weight_bytes(base),
        "tuned_bytes": weight_bytes(tuned),
        "content_sha256": tuned.content_digest(),
    }


def describe_lineage(dataset: ChatDataset, base: MlxModel, tuned: FineTunedModel) -> dict[str, str]:
    """Returns what the numbers are of: digests of the inputs, and the versions of the stages that made them."""
    found = {"dataset_sha256": archive.digest(dataset.path), "base_sha256": archive.digest(base.path)}
    for artifact in (dataset, base, tuned):
        made = artifact.lineage()
        if made.get("stage") and made.get("version"):
            found[str(made["stage"])] = str(made["version"])
    return found


def describe_training(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the training's parameters and circumstances, without the losses of its steps."""
    series = ("training_loss", "validation_loss")
    return {name: value for name, value in metrics.items() if name not in series}


def weight_bytes(model: MlxModel) -> int:
    """Returns the bytes of a model's weights on disk."""
    return sum(file.stat().st_size for file in model.path.glob("*.safetensors"))


def prediction_lines(base: Sequence[Judged], tuned: Sequence[Judged]) -> str:
    """Returns predictions.jsonl: per row the id, alert and expected call, and each model's raw text and verdict."""
    lines = [
        {
            "id": before.question.id,
            "split": before.question.split,
            "alert": before.question.alert,
            "expected": before.question.call,
            "base": before.text,
            "base_verdict": before.verdict,
            "tuned": after.text,
            "tuned_verdict": after.verdict,
        }
        for before, after in zip(base, tuned, strict=True)
    ]
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
