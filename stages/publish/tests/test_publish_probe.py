"""The rows that a server is asked: which they are, how they are kept, and when their answers count as the same."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from shared.artifacts import ChatDataset, Evaluation, FineTunedModel
from shared.asking.agent import CompletionError
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import render_completion
from stages.publish.servers.probe import Agreement, Probe, Reader, Row, ask
from tests import samples

READER = Reader(samples.prompt_file(), samples.call_policy())
NONSENSE = "<start_function_call>call:"
SILENT = "No call is due.<end_of_turn>\n"


def completion(call: Call) -> str:
    return render_completion([samples.NAMES.to_model(call)])


@pytest.fixture
def dataset(tmp_path: Path) -> ChatDataset:
    """40 test rows of two functions, and ten that want no call."""
    made = samples.write_dataset(tmp_path / "dataset", test=40)
    rows = [json.dumps(samples.row(number) | {"call": "null", "function": None}) + "\n" for number in range(90, 100)]
    (made.path / "test_uncovered_alerts.jsonl").write_text("".join(rows))
    return made


def evaluation(folder: Path, dataset: ChatDataset, wrong: int = 0) -> Evaluation:
    """Returns the evaluation of a model that answers all rows rightly but the first ones."""
    made = samples.write_evaluation(folder)
    texts = {row["id"]: row["completion"] for row in dataset.rows("test")}
    texts |= {row["id"]: SILENT for row in dataset.rows("test_uncovered_alerts")}
    texts |= dict.fromkeys(list(texts)[:wrong], NONSENSE)
    lines = [{"id": row, "expected": "", "base": "", "tuned": text} for row, text in texts.items()]
    (folder / "predictions.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return made


@pytest.fixture
def model(tmp_path: Path) -> FineTunedModel:
    return samples.write_model(tmp_path / "model")


def test_rows_of_every_kind_are_asked_and_those_that_were_right(
    dataset: ChatDataset, model: FineTunedModel, tmp_path: Path
) -> None:
    probe = Probe.of(dataset, evaluation(tmp_path / "evaluation", dataset, wrong=20), model)
    kinds = [READER.outcome(row, row.text).partition('"')[2].partition('"')[0] for row in probe.rows]
    assert len(probe.rows) == 20
    assert {kind: kinds.count(kind) for kind in kinds} == {"pod-restart": 7, "scale-deployment": 7, "": 6}
    assert not [row for row in probe.rows if row.text == NONSENSE]
    assert probe == Probe.of(dataset, evaluation(tmp_path / "again", dataset, wrong=20), model)


def test_of_a_model_that_was_never_right_any_row_is_asked(
    dataset: ChatDataset, model: FineTunedModel, tmp_path: Path
) -> None:
    probe = Probe.of(dataset, evaluation(tmp_path / "evaluation", dataset, wrong=50), model)
    assert [row.text for row in probe.rows] == [NONSENSE] * 20


def test_the_longest_prompt_is_among_them_and_has_room(
    dataset: ChatDataset, model: FineTunedModel, tmp_path: Path
) -> None:
    rows = dataset.rows("test")
    rows[33]["prompt"] = rows[33]["prompt"].replace("shop", "shop" * 5000)
    (dataset.path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    probe = Probe.of(dataset, evaluation(tmp_path / "evaluation", dataset), model)
    assert probe.rows[0].id == rows[33]["id"]
    assert probe.context == 16384
    assert probe.context // 2 < len(rows[33]["prompt"]) // 2 + 256 <= probe.context


def test_a_usual_prompt_gets_the_client_s_context(dataset: ChatDataset, model: FineTunedModel, tmp_path: Path) -> None:
    probe = Probe.of(dataset, evaluation(tmp_path / "evaluation", dataset), model)
    assert (probe.context, probe.adds_bos) == (4096, False)
    tokenizer = json.dumps({"post_processor": {"special_tokens": {"<bos>": {}}}})
    (model.path / "tokenizer.json").write_text(tokenizer)
    assert Probe.empty(model).adds_bos


def test_a_probe_is_read_as_it_was_written(dataset: ChatDataset, model: FineTunedModel, tmp_path: Path) -> None:
    probe = Probe.of(dataset, evaluation(tmp_path / "evaluation", dataset), model)
    assert Probe.parse(probe.to_json(), "x") == probe


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"rows": [1]}', b'{"rows": [], "context": 1}', b"\xff"])
def test_what_is_no_probe_is_refused(content: bytes) -> None:
    with pytest.raises(StageError) as refusal:
        Probe.parse(content, "probe.json of v1")
    assert str(refusal.value) == "probe.json of v1 holds no rows that publish wrote; publish the version again"


@pytest.mark.parametrize(
    ("text", "is_same"),
    [
        ("{right}", True),
        ("So be it. {right}", True),
        (SILENT, False),
        ("", False),
        (completion(Call("pod-restart", {"name": "shop-2", "namespace": "web"})), False),
        (completion(Call("scale-deployment", {"name": "shop-12", "replicas": 3})), False),
    ],
)
def test_the_same_is_what_the_agent_would_do(text: str, is_same: bool) -> None:
    row = row_of(samples.row(12))
    assert (READER.outcome(row, text.replace("{right}", row.text)) == READER.outcome(row, row.text)) is is_same
    # A row of an earlier release holds no notification: the call alone is compared.
    bare = dataclasses.replace(row, notification="")
    assert (READER.outcome(bare, text.replace("{right}", row.text)) == READER.outcome(bare, row.text)) is is_same


def row_of(known: dict[str, Any]) -> Row:
    return Row(known["id"], known["alert"], known["prompt"], known["completion"], known["notification"])


def test_two_of_twenty_may_differ_and_the_third_is_told_with_both_texts() -> None:
    rows = tuple(row_of(samples.row(number)) for number in range(20))
    texts = {row.prompt: row.text for row in rows}
    probe = Probe(rows, 4096, True)
    for number in range(2):
        texts[rows[number].prompt] = SILENT
    agreement = ask(probe, READER, lambda prompt: texts[prompt])
    agreement.check("the server")
    assert str(agreement) == "answers 18 of 20 rows as evaluate's model did"
    texts[rows[7].prompt] = SILENT
    with pytest.raises(StageError) as refusal:
        ask(probe, READER, lambda prompt: texts[prompt]).check("Ollama at http://o")
    first = f"of row {rows[0].id} (Down) evaluate has {rows[0].text!r}, the server {SILENT!r}"
    counted = "Ollama at http://o answers 17 of 20 rows as evaluate's model did, and at most 2 may differ"
    assert str(refusal.value).startswith(f"{counted}; {first}; it serves")


@pytest.mark.parametrize(("asked", "allowed"), [(0, 0), (9, 0), (10, 1), (20, 2)])
def test_of_few_rows_none_may_differ(asked: int, allowed: int) -> None:
    assert Agreement(asked, ()).allowed == allowed


def test_a_server_that_does_not_answer_a_row_is_told() -> None:
    def away(prompt: str) -> str:
        raise CompletionError("http://o/api/generate gave no answer within 120 seconds")

    row = row_of(samples.row(3))
    with pytest.raises(StageError) as refusal:
        ask(Probe((row,), 4096, True), READER, away)
    reason = f"it was asked row {row.id} of {len(row.prompt)} characters"
    assert str(refusal.value) == f"http://o/api/generate gave no answer within 120 seconds; {reason}"
