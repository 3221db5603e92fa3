"""The stage as a whole, on a tiny random model."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from shared import archive, contract
from shared.artifacts import ChatDataset
from shared.errors import StageError
from shared.stage import execute
from stages.evaluate.contract import Inputs
from stages.evaluate.judging.intervals import of_share
from stages.evaluate.main import run, spread
from tests.samples import prompt_file, row


def test_the_evaluation_holds_report_page_and_every_prediction(inputs: Inputs, tmp_path: Path) -> None:
    outputs = run(inputs, made(tmp_path / "outputs"))
    outputs.evaluation.check()
    report, predictions = outputs.evaluation.report(), outputs.evaluation.predictions()

    assert (outputs.accuracy, outputs.accuracy_before) == (report["tuned"]["accuracy"], report["base"]["accuracy"])
    assert type(outputs.accuracy) is type(outputs.accuracy_before) is float
    assert [line["id"] for line in predictions] == [row["id"] for row in inputs.dataset.rows("test")]
    assert set(predictions[0]) == {"id", "split", "alert", "expected", "base", "base_verdict", "tuned", "tuned_verdict"}
    assert [line["expected"] for line in predictions] == [row["call"] for row in inputs.dataset.rows("test")]
    assert all(line["base"] and line["base"] != line["tuned"] for line in predictions)
    assert "held-out rows" in (outputs.evaluation.path / "report.html").read_text("utf-8")


MEASURES = {
    *("accuracy", "right", "name_accuracy", "argument_accuracy", "valid_call_rate", "verdicts", "intervals"),
    *("per_function", "per_argument", "per_alert", "per_alertname", "confusion", "relevance", "parallel"),
    *("false_calls", "missed_calls"),
}
OF_A_MODEL = {"latency_ms", "tokens_per_second", "tokens_per_answer", "gold_log_probability", "guard", "model_alone"}


@pytest.fixture
def report(inputs: Inputs, tmp_path: Path) -> dict[str, Any]:
    return run(inputs, made(tmp_path / "outputs")).evaluation.report()


def test_the_report_holds_every_measure(report: dict[str, Any]) -> None:
    for side in ("base", "tuned"):
        assert set(report[side]) == MEASURES | OF_A_MODEL
        assert report[side]["latency_ms"]["n"] == 4
        assert 0 < report[side]["latency_ms"]["p50"] <= report[side]["latency_ms"]["p95"]
        assert report[side]["latency_ms"]["p95"] <= report[side]["latency_ms"]["p99"]
        assert report[side]["gold_log_probability"] < 0
        assert report[side]["tokens_per_second"] > 0
        assert 1 <= report[side]["tokens_per_answer"] <= 12
    low, high = report["tuned"]["intervals"]["gold_log_probability"]
    assert low <= report["tuned"]["gold_log_probability"] <= high < 0


def test_the_report_compares_with_what_needs_no_model(report: dict[str, Any]) -> None:
    assert set(report["baselines"]) == {"majority", "lookup"}
    for baseline in report["baselines"].values():
        assert set(baseline) == MEASURES | {"description", "change"}
        assert baseline["missed_calls"] == {"rows": 4, "count": 0, "share": 0.0, "interval": of_share(0, 4)}
    assert report["baselines"]["lookup"]["accuracy"] == 1.0
    assert report["baselines"]["majority"]["accuracy"] == 0.0
    assert report["most_frequent_function"] == {"function": "pod-restart", "name_accuracy": 0.5}
    assert report["comparison"]["is_above"] is False


def test_the_report_says_what_was_measured(inputs: Inputs, report: dict[str, Any]) -> None:
    assert (report["agent"], report["rows"], report["rows_also_in_training"]) == ("agent-test", 4, 0)
    assert report["commit"] == inputs.dataset.agent()["commit"]
    splits = {"train": 8, "valid": 4, "test": 4, "test_unseen_alerts": 0, "test_uncovered_alerts": 0}
    assert report["splits"] == splits
    assert report["test_unseen_alerts"] is report["test_uncovered_alerts"] is None
    assert report["model"]["base_bytes"] == (inputs.base_model.path / "model.safetensors").stat().st_size
    assert report["model"]["content_sha256"] == inputs.model.content_digest()
    assert report["settings"]["max_tokens"] == 12
    assert report["training"]["parameters"] == inputs.metrics.read()["parameters"]
    assert "training_loss" not in report["training"]
    assert report["lineage"]["dataset_sha256"] == archive.digest(inputs.dataset.path)


def test_alerts_that_training_never_saw_are_measured_apart(inputs: Inputs, tmp_path: Path) -> None:
    unseen = [row(30) | {"alert": "Away"}, row(31) | {"alert": "Away", "call": "null"}]
    lines = [json.dumps(each) + "\n" for each in unseen]
    (inputs.dataset.path / "test_unseen_alerts.jsonl").write_text("".join(lines))
    outputs = run(inputs, made(tmp_path / "outputs"))
    report = outputs.evaluation.report()
    measured = report["test_unseen_alerts"]
    assert (report["rows"], measured["rows"], measured["alerts"]) == (4, 2, ["Away"])
    assert report["splits"]["test_unseen_alerts"] == 2
    assert measured["tuned"]["per_alert"]["Away"]["rows"] == 2
    assert measured["baselines"]["lookup"]["per_function"] == {
        "no call": {"rows": 1, "right": 0, "right_names": 0, "interval": of_share(0, 1)},
        "pod-restart": {"rows": 1, "right": 1, "right_names": 1, "interval": of_share(1, 1)},
    }
    assert "Away" not in report["tuned"]["per_alert"]
    assert [line["split"] for line in outputs.evaluation.predictions()] == ["test"] * 4 + ["test_unseen_alerts"] * 2
    assert "Alerts that training never saw" in (outputs.evaluation.path / "report.html").read_text("utf-8")


def test_rows_are_counted_by_the_name_that_the_alert_shows(inputs: Inputs, tmp_path: Path) -> None:
    file = inputs.dataset.path / "test.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    kinds = ("stated", "renamed", "missing", "missing")
    file.write_text(
        "".join(json.dumps(each | {"alertname": kind}) + "\n" for each, kind in zip(rows, kinds, strict=True))
    )
    report = run(inputs, made(tmp_path / "outputs")).evaluation.report()
    counts = report["tuned"]["per_alertname"]
    assert {kind: group["rows"] for kind, group in counts.items()} == {"missing": 2, "renamed": 1, "stated": 1}


def test_the_engine_runs_it_as_a_stage(inputs: Inputs, tmp_path: Path) -> None:
    options = {
        "dataset": inputs.dataset.path,
        "base_model": inputs.base_model.path,
        "model": inputs.model.path,
        "metrics": inputs.metrics.path,
        "max_tokens": 2,
    }
    execute(contract.load("evaluate"), run, options, tmp_path / "out", made(tmp_path / "work"))
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"evaluation", "accuracy", "accuracy_before"}
    assert float((tmp_path / "out" / "accuracy").read_text()) >= 0


def test_progress_is_a_line_a_quarter_where_nobody_watches(
    inputs: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(inputs, made(tmp_path / "outputs"))
    lines = capsys.readouterr().err.splitlines()
    assert "tuned: rows answered: 4 of 4" in lines
    assert 6 <= len(lines) <= 17
    assert not any("\x1b" in line for line in lines)


def test_an_empty_test_split_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    (inputs.dataset.path / "test.jsonl").write_text("")
    assert refusal(inputs, tmp_path) == (
        "the dataset has no test row; describe more alerts or raise examples_per_alert"
    )


def test_a_test_split_without_calls_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    rows = [row | {"call": "null"} for row in inputs.dataset.rows("test")]
    (inputs.dataset.path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert refusal(inputs, tmp_path) == (
        "none of the 4 test rows needs a call, so that silence would be accurate; describe more alerts, or lower "
        "no_call_share"
    )


def test_a_model_of_another_prompt_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    text = prompt_file().to_json().replace("Restart a workload.", "Restart a pod.")
    (inputs.model.path / "prompt.json").write_text(text)
    assert refusal(inputs, tmp_path) == (
        "the model was trained with another prompt.json than the dataset's: its functions or their wording have "
        "changed since; train on this dataset, or evaluate on the dataset that the model was trained on"
    )


def test_a_model_of_another_base_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    lineage = {"stage": "train", "version": "1.0.0", "inputs": {"model": {"sha256": "0" * 64}}}
    (inputs.model.path / "artifact.json").write_text(json.dumps(lineage))
    assert refusal(inputs, tmp_path) == (
        "the FineTunedModel was not made from this MlxModel; pass the artefacts of one and the same run"
    )


def test_a_tokenizer_without_a_stop_token_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    edit_tokenizer(inputs.base_model.path, "<start_function_response>", "<start_something_else>")
    assert refusal(inputs, tmp_path) == (
        f"{inputs.base_model.path / 'tokenizer.json'} has no token <start_function_response>, which ends an answer; "
        "take a base model that knows it"
    )


def test_models_of_different_tokenizers_are_refused(inputs: Inputs, tmp_path: Path) -> None:
    edit_tokenizer(inputs.model.path, "<start_of_image>", "<another_token>")
    assert refusal(inputs, tmp_path) == (
        f"{inputs.base_model.path / 'tokenizer.json'} and {inputs.model.path / 'tokenizer.json'} differ: "
        f"'<another_token>' is None in one and {token_id('<start_of_image>', inputs)} in the other; "
        "pass the base model that the tuned one comes from"
    )


def test_a_tokenizer_file_that_is_none_is_refused(inputs: Inputs, tmp_path: Path) -> None:
    (inputs.base_model.path / "tokenizer.json").write_text("{}")
    assert "is not a tokenizer that the tokenizers library reads" in refusal(inputs, tmp_path)


def test_a_damaged_dataset_is_refused_by_its_own_check(inputs: Inputs) -> None:
    (inputs.dataset.path / "test.jsonl").write_text('{"id": "1"}\n')
    with pytest.raises(StageError, match="the row has no alert, call, completion, function, prompt"):
        ChatDataset(inputs.dataset.path).check()


def test_the_timed_rows_are_spread_over_all() -> None:
    assert spread(3, 20) == [0, 1, 2]
    assert spread(100, 4) == [0, 25, 50, 75]


def test_rows_that_were_trained_on_are_counted(inputs: Inputs, tmp_path: Path) -> None:
    lines = (inputs.dataset.path / "train.jsonl").read_text().splitlines()
    (inputs.dataset.path / "test.jsonl").write_text("\n".join(lines[:2]))
    report = run(replace(inputs, max_tokens=1), made(tmp_path / "outputs")).evaluation.report()
    assert report["rows_also_in_training"] == 2


def refusal(inputs: Inputs, tmp_path: Path) -> str:
    with pytest.raises(StageError) as raised:
        run(inputs, made(tmp_path / "outputs"))
    return str(raised.value)


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def edit_tokenizer(folder: Path, token: str, other: str) -> None:
    file = folder / "tokenizer.json"
    content: Any = json.loads(file.read_text())
    vocabulary = content["model"]["vocab"]
    vocabulary[other] = vocabulary.pop(token)
    for added in content["added_tokens"]:
        added["content"] = other if added["content"] == token else added["content"]
    file.write_text(json.dumps(content))


def token_id(token: str, inputs: Inputs) -> int:
    number = Tokenizer.from_file(str(inputs.base_model.path / "tokenizer.json")).token_to_id(token)
    assert number is not None
    return int(number)
