"""Rows that a server is asked, and what evaluate's model said to them: whoever serves the model must say the same.

They are stored with the version, so that a server can be asked where there is no dataset.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from shared.alert import Alert, read_alerts
from shared.answers import right_rows, tuned_texts
from shared.artifacts import ALL_SPLITS, ChatDataset, Evaluation, FineTunedModel
from shared.asking.agent import Complete, CompletionError
from shared.asking.call_policy import CallPolicy
from shared.asking.judgement import judge
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import PromptFile

FORMAT = "agent-training-probe/1"
PROBE_FILE = "evaluation/probe.json"
"""Its name among a version's files."""
ROWS = 20
TOLERANCE = 0.1
"""The share of the rows, rounded down, that a server may answer otherwise: at a near tie, a weight that was rounded to
another type, or a sum in another order, turns an answer. A server that renders, cuts or reads otherwise turns most."""
ANSWER_TOKENS = 256
SMALLEST_CONTEXT = 4096  # the client's default, so that asking loads nothing anew
BYTES_A_TOKEN = 2  # of alerts and declarations: a token of Gemma's has 3 to 4


@dataclass(frozen=True)
class Row:
    """A prompt, and what evaluate's model said to it. notification: the alert as JSON, '' where the row has none."""

    id: str
    alert: str
    prompt: str
    text: str
    notification: str = ""


@dataclass(frozen=True)
class Probe:
    """The rows, and how they are asked. context: tokens that any prompt of the agent and its answer need."""

    rows: tuple[Row, ...]
    context: int
    adds_bos: bool

    @classmethod
    def of(cls, dataset: ChatDataset, evaluation: Evaluation, model: FineTunedModel) -> "Probe":
        """Returns rows of every kind that the model answered rightly; of any answer where it answered none so."""
        texts = tuned_texts(evaluation.predictions())
        right = right_rows(dataset, texts, ALL_SPLITS)
        chosen = _chosen(dataset, {row for row, is_right in right.items() if is_right} or set(right))
        rows = tuple(
            Row(row["id"], row["alert"] or "", row["prompt"], texts[row["id"]], row.get("notification", ""))
            for row in chosen
        )
        longest = max(len(row["prompt"].encode()) for split in ALL_SPLITS for row in dataset.rows(split))
        return cls(rows, _context(longest), adds_bos(model))

    def to_json(self) -> bytes:
        """Returns the file's content; equal probes give equal bytes."""
        value = {"format": FORMAT, **asdict(self)}
        return (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode()

    @classmethod
    def parse(cls, content: bytes, where: str) -> "Probe":
        """Returns what `to_json` wrote. Raises StageError for anything else, naming where it was found."""
        try:
            value = json.loads(content)
            rows = tuple(Row(**row) for row in value["rows"])
            probe = cls(rows, value["context"], value["adds_bos"])
            is_known = probe.to_json() == content
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            is_known = False
        if not is_known:
            raise StageError(f"{where} holds no rows that publish wrote; publish the version again")
        return probe


@dataclass(frozen=True)
class Reader:
    """What a model's texts come to, as the agent's client has it; policy is None for a model of an earlier release."""

    prompt: PromptFile
    policy: CallPolicy | None

    def outcome(self, row: Row, text: str) -> str:
        """Returns a text that two answers to a row share where the agent would do the same."""
        alert = _alert(row)
        if self.policy and alert:
            judged = judge(alert, text, self.prompt, self.policy)
            return (
                f"refused as {judged.refusal.kind}" if judged.refusal else _told([judged.call] if judged.call else [])
            )
        reading = self.prompt.read(text)
        return "unreadable" if reading.fault else _told(reading.calls)


@dataclass(frozen=True)
class Agreement:
    """How many rows were asked, and what differs: the row, and what the server said."""

    asked: int
    different: tuple[tuple[Row, str], ...]

    @property
    def allowed(self) -> int:
        """How many may differ."""
        return int(self.asked * TOLERANCE)

    def __str__(self) -> str:
        return f"answers {self.asked - len(self.different)} of {self.asked} rows as evaluate's model did"

    def check(self, place: str) -> None:
        """Raises StageError, with both texts of the first difference, where too many rows differ."""
        if len(self.different) <= self.allowed:
            return
        row, said = self.different[0]
        first = f"of row {row.id} ({row.alert or 'no alert'}) evaluate has {row.text!r:.300}, the server {said!r:.300}"
        remedy = "it serves the model otherwise than it was measured: compare its version with a tested one"
        raise StageError(f"{place} {self}, and at most {self.allowed} may differ; {first}; {remedy}")


def ask(probe: Probe, reader: Reader, complete: Complete) -> Agreement:
    """Returns how far a server agrees. Raises StageError where it does not answer a row."""
    different = []
    for row in probe.rows:
        try:
            text = complete(row.prompt)
        except CompletionError as error:
            raise StageError(f"{error}; it was asked row {row.id} of {len(row.prompt)} characters") from None
        if reader.outcome(row, text) != reader.outcome(row, row.text):
            different.append((row, text))
    return Agreement(len(probe.rows), tuple(different))


def adds_bos(model: FineTunedModel) -> bool:
    """Returns whether the tokenizer puts `<bos>` in front of every text, as Gemma's does and the prompt does too."""
    tokenizer = json.loads((model.path / "tokenizer.json").read_text("utf-8"))
    return '"<bos>"' in json.dumps(tokenizer.get("post_processor"))


def _chosen(dataset: ChatDataset, ids: set[str]) -> list[Mapping[str, Any]]:
    """Returns at most ROWS of the rows: the longest prompt, then of each split and function in turn."""
    kinds: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for split in ALL_SPLITS:
        for row in dataset.rows(split):
            if row["id"] in ids:
                kinds[split, str(row["function"] or "")].append(row)
    each = [sorted(kinds[kind], key=lambda row: str(row["id"])) for kind in sorted(kinds)]
    longest = sorted(itertools.chain(*each), key=lambda row: (-len(row["prompt"]), row["id"]))[:1]
    in_turn = itertools.chain(longest, _in_turn(each))
    return list({row["id"]: row for row in in_turn}.values())[:ROWS]


def _in_turn(each: Sequence[Sequence[Mapping[str, Any]]]) -> Iterator[Mapping[str, Any]]:
    return (row for turn in itertools.zip_longest(*each) for row in turn if row)


def _context(longest: int) -> int:
    """Returns the power of two that has room for a prompt of so many bytes, and an answer."""
    needed = longest // BYTES_A_TOKEN + ANSWER_TOKENS
    return max(SMALLEST_CONTEXT, 1 << (needed - 1).bit_length())


def _alert(row: Row) -> Alert | None:
    alerts = read_alerts(json.loads(row.notification)) if row.notification else []
    return alerts[0] if len(alerts) == 1 else None


def _told(calls: Sequence[Call]) -> str:
    # JSON tells 1, 1.0 and true apart, which Python holds equal.
    return json.dumps([[call.name, call.arguments] for call in calls], sort_keys=True)
