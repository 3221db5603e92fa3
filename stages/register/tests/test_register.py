"""What register writes down: the run, the model version, the decision."""

import dataclasses
import json
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from shared import archive, contract, names
from shared.artifacts import TrainingMetrics
from shared.errors import StageError
from stages.register.contract import Inputs, Outputs
from stages.register.main import run
from stages.register.tests.conftest import (
    AGENT,
    crown,
    nothing_changes,
    with_accuracy,
    with_answers,
    with_remedy,
    with_weights,
    write_lines,
)
from tests import samples

VERSION = "v20251224-01234567"
FULL_NAME = "agent-test-functiongemma-20251224-01234567"
MODEL = names.registered_model(AGENT)
WRONG = "no idea<end_of_turn>\n"
CALLS = (
    "no row wants no call, so false calls were not measured; "
    "missed calls on 0 of 4 alerts that want one, 0.000, at most 0.100"
)
GOOD = f"accuracy 0.90 on 4 rows is at least 0.80; {CALLS}"

pytestmark = pytest.mark.usefixtures("database")


def register(inputs: Inputs) -> Outputs:
    return run(inputs, inputs.dataset.path.parent)


def test_a_good_model_is_approved_and_named_by_its_commit(inputs: Inputs) -> None:
    outputs = register(inputs)
    decision = f"{GOOD}; there is no champion to compare with"
    assert outputs == Outputs(True, decision, VERSION, "", outputs.run_id, "", outputs.card)


def test_answers_to_unseen_alerts_are_not_counted(inputs: Inputs) -> None:
    file = inputs.evaluation.path / "predictions.jsonl"
    unseen = {"id": "f" * 16, "expected": "", "base": "", "tuned": WRONG}
    write_lines(file, [*inputs.evaluation.predictions(), unseen])
    assert register(inputs).decision.startswith(GOOD)


def test_the_run_tells_parameters_and_where_they_came_from(inputs: Inputs, client: MlflowClient) -> None:
    run = client.get_run(register(inputs).run_id)
    assert (run.info.run_name, run.info.status) == (FULL_NAME, "FINISHED")
    assert client.get_experiment(run.info.experiment_id).name == "agent-test-training"
    assert run.data.params == {
        "learning_rate": "0.001",
        "batch_size": "4",
        "iters": "20",
        "seed": "0",
        "model_name": "tiny",
        "dtype": "float32",
    }
    sources = {key: value for key, value in run.data.tags.items() if key.startswith("source.")}
    assert sources.pop("source.iters") == "config.yaml"
    assert set(sources.values()) == {"default or launch"}


def test_a_parameter_that_differs_from_config_was_given_at_launch(inputs: Inputs, client: MlflowClient) -> None:
    agent = samples.AGENT | {"config": {"training": {"iters": 300}}}
    (inputs.dataset.path / "agent.json").write_text(json.dumps(agent))
    assert client.get_run(register(inputs).run_id).data.tags["source.iters"] == "launch"


def test_the_run_tells_losses_by_step_and_the_evaluation(inputs: Inputs, client: MlflowClient) -> None:
    report = json.loads((inputs.evaluation.path / "report.json").read_text())
    report["tuned"] |= {
        "right": 3,
        "latency_ms": {"p50": 12.5, "n": 4},
        "accuracy_interval": [0.5, 1.0],
        "verdicts": {"wrong function": 1},
        "per_alert": {"Down": {"rows": 2}},
    }
    (inputs.evaluation.path / "report.json").write_text(json.dumps(report))
    run_id = register(inputs).run_id
    assert client.get_run(run_id).data.metrics == {
        "training_loss": 1.0,
        "validation_loss": 1.0,
        "training/seconds": 12.5,
        "training/tokens_per_second": 1000.0,
        "training/peak_memory_bytes": 1048576.0,
        "accuracy": 0.9,
        "accuracy_before": 0.4,
        "tuned/accuracy": 0.9,
        "tuned/right": 3.0,
        "tuned/latency_ms/p50": 12.5,
        "tuned/latency_ms/n": 4.0,
        "tuned/verdicts/wrong_function": 1.0,
        "base/accuracy": 0.4,
        "missed_calls": 0.0,
        "tuned/false_calls/count": 0.0,
        "tuned/false_calls/rows": 0.0,
        "tuned/missed_calls/count": 0.0,
        "tuned/missed_calls/rows": 4.0,
        "tuned/missed_calls/share": 0.0,
        "base/false_calls/count": 0.0,
        "base/false_calls/rows": 0.0,
        "base/missed_calls/count": 0.0,
        "base/missed_calls/rows": 4.0,
        "base/missed_calls/share": 0.0,
    }
    history = [(point.step, point.value) for point in client.get_metric_history(run_id, "training_loss")]
    assert history == [(1, 2.0), (2, 1.0)]


def test_false_calls_and_uncovered_alerts_are_metrics_and_tags(inputs: Inputs, client: MlflowClient) -> None:
    report = inputs.evaluation.report()
    told = {"rows": 40, "count": 1, "share": 0.025, "interval": [0.0, 0.13]}
    for side in ("base", "tuned"):
        kinds = {"none": {"rows": 4, "right": 3, "interval": [0.3, 0.95]}}
        report[side] |= {"false_calls": told | {"by_split": {"test": told}}, "per_answer": kinds}
    report["test_uncovered_alerts"] = {"rows": 8, "tuned": {"accuracy": 0.875}, "base": {"accuracy": 0.0}}
    (inputs.evaluation.path / "report.json").write_text(json.dumps(report))
    metrics = client.get_run(register(inputs).run_id).data.metrics
    assert (metrics["false_calls"], metrics["missed_calls"]) == (0.025, 0.0)
    assert metrics["accuracy_uncovered_alerts"] == 0.875
    assert metrics["tuned/false_calls/by_split/test/count"] == 1.0
    assert not [key for key in metrics if "per_answer" in key]
    tags = client.get_model_version_by_alias(MODEL, "candidate").tags
    assert (tags["false_calls"], tags["missed_calls"]) == ("0.0250", "0.0000")


def test_too_many_false_calls_reject_an_accurate_model(inputs: Inputs, client: MlflowClient) -> None:
    report = inputs.evaluation.report()
    report["tuned"]["false_calls"] = {"rows": 40, "count": 3, "share": 0.075, "interval": [0.02, 0.2], "by_split": {}}
    (inputs.evaluation.path / "report.json").write_text(json.dumps(report))
    outputs = register(inputs)
    assert (outputs.approved, outputs.decision) == (
        False,
        "accuracy 0.90 on 4 rows is at least 0.80, "
        "but false calls on 3 of 40 alerts that want none, 0.075, above 0.050",
    )
    assert client.get_registered_model(MODEL).aliases == {}
    assert register(dataclasses.replace(inputs, maximum_false_calls=0.08)).approved


def test_the_run_tells_what_the_model_was_made_from(
    inputs: Inputs, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLYTE_INTERNAL_EXECUTION_ID", "a1b2c3")
    made = {"dataset": {"stage": "dataset", "version": "1.2.0"}, "model": {"stage": "convert", "version": "1.0.1"}}
    lineage = {"type": "FineTunedModel", "stage": "train", "version": "2.0.0", "inputs": made}
    (inputs.model.path / "artifact.json").write_text(json.dumps(lineage))
    tags = client.get_run(register(inputs).run_id).data.tags
    lineage_tags = {key: tags[key] for key in tags if not key.startswith(("source.", "mlflow."))}
    assert lineage_tags == {
        "agent": "agent-test",
        "repository": "https://git.example/homelab.git",
        "runbook_commit": samples.COMMIT,
        "runbook_sha256": "ab" * 32,
        "dataset_sha256": archive.digest(inputs.dataset.path),
        "content_sha256": inputs.model.content_digest(),
        "adapters_sha256": archive.digest(inputs.adapters.path),
        "base_model": "tiny",
        "base_revision": "r1",
        "execution": "a1b2c3",
        "model_version": VERSION,
        "stage.dataset": "1.2.0",
        "stage.convert": "1.0.1",
        "stage.train": "2.0.0",
        "stage.register": contract.load("register").version,
    }


def test_the_artefacts_lie_beside_the_database(inputs: Inputs, client: MlflowClient, database: Path) -> None:
    (inputs.dataset.path / "README.md").write_text("# card")
    run_id = register(inputs).run_id
    run_files, model_files = (database.parent / "mlflow-artifacts" / part for part in (f"{run_id}/artifacts", "models"))
    assert sorted(str(file.relative_to(run_files)) for file in run_files.rglob("*") if file.is_file()) == [
        "README.md",
        "adapters/adapter_config.json",
        "adapters/adapters.safetensors",
        "calls.json",
        "dataset/README.md",
        "dataset/agent.json",
        "evaluation/predictions.jsonl",
        "evaluation/report.html",
        "evaluation/report.json",
        "prompt.json",
        "training/metrics.json",
    ]
    assert sorted(file.name for file in model_files.rglob("*") if file.is_file()) == inputs.model.content_files()


def test_the_registered_version_is_the_candidate(inputs: Inputs, client: MlflowClient) -> None:
    outputs = register(inputs)
    version = client.get_model_version_by_alias(MODEL, "candidate")
    assert (version.run_id, version.status) == (outputs.run_id, "READY")
    assert version.tags == {
        "agent": "agent-test",
        "runbook_commit": samples.COMMIT,
        "runbook_sha256": "ab" * 32,
        "dataset_sha256": archive.digest(inputs.dataset.path),
        "content_sha256": inputs.model.content_digest(),
        "base_model": "tiny",
        "model_version": VERSION,
        "accuracy": "0.9000",
        "missed_calls": "0.0000",
        "status": "registered",
        "decision": outputs.decision,
    }
    logged = client.get_logged_model(str(version.source).removeprefix("models:/"))
    assert (logged.status, logged.name, logged.params["iters"]) == ("READY", FULL_NAME, "20")
    assert {metric.key: metric.value for metric in logged.metrics or []}["accuracy"] == 0.9


def test_running_twice_adds_nothing(inputs: Inputs, database: Path) -> None:
    first = register(inputs)
    with nothing_changes(database):
        assert register(inputs) == first


def test_the_run_tells_what_started_the_training(inputs: Inputs, client: MlflowClient, database: Path) -> None:
    caused = dataclasses.replace(inputs, cause="0123456789abcdef", reason="2 alerts are new: Ärger, Down")
    tags = client.get_run(register(caused).run_id).data.tags
    told = {names.CAUSE_TAG: caused.cause, names.REASON_TAG: caused.reason, "cause.0123456789abcdef": "true"}
    assert tags == tags | told
    with nothing_changes(database):
        register(caused)


def test_a_run_keeps_every_cause_that_led_to_it_and_shows_the_latest(inputs: Inputs, client: MlflowClient) -> None:
    first = register(dataclasses.replace(inputs, cause="aa", reason="the runbook changed"))
    again = register(dataclasses.replace(inputs, cause="bb", reason="it is 31 days old"))
    assert again.run_id == first.run_id
    run = client.get_run(first.run_id)
    assert (run.data.tags["cause"], run.data.tags["reason"]) == ("bb", "it is 31 days old")
    for cause in ("aa", "bb"):
        filters = f"tags.`{names.trained_tag(cause)}` = 'true' and attributes.status = 'FINISHED'"
        (found,) = client.search_runs([run.info.experiment_id], filters)
        assert found.info.run_id == first.run_id


def test_a_rejected_model_s_run_tells_its_cause_too(inputs: Inputs, client: MlflowClient) -> None:
    outputs = register(dataclasses.replace(with_accuracy(inputs, 0.5), cause="aa"))
    assert outputs.approved is False
    assert client.get_run(outputs.run_id).data.tags["cause.aa"] == "true"


def test_a_start_without_a_cause_leaves_what_is_known(inputs: Inputs, client: MlflowClient) -> None:
    register(dataclasses.replace(inputs, cause="aa", reason="the runbook changed"))
    tags = client.get_run(register(inputs).run_id).data.tags
    assert (tags["cause"], tags["reason"]) == ("aa", "the runbook changed")


def test_the_page_of_the_run_is_where_people_open_mlflow(
    inputs: Inputs, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_PAGE_URL", "https://mlflow.example.com/pages/")
    outputs = register(inputs)
    experiment = client.get_run(outputs.run_id).info.experiment_id
    page = f"https://mlflow.example.com/pages/#/experiments/{experiment}/runs/{outputs.run_id}"
    assert outputs.run_page == page


def test_another_word_for_the_page_is_refused_before_anything_is_written(
    inputs: Inputs, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_PAGE_URL", "https://reader:geheim@mlflow.example.com")
    with nothing_changes(database), pytest.raises(StageError) as refused:
        register(inputs)
    told = "it must be http(s)://host/path, without a password, `?` or `#`"
    assert str(refused.value) == f"MLFLOW_PAGE_URL is https://mlflow.example.com; {told}"


def test_the_dataset_is_an_input_of_the_run(inputs: Inputs, client: MlflowClient) -> None:
    (found,) = client.get_run(register(inputs).run_id).inputs.dataset_inputs
    dataset = found.dataset
    source = f"https://git.example/homelab.git@{samples.COMMIT}"
    assert (dataset.name, dataset.source_type, dataset.source) == (AGENT, "git", source)
    assert dataset.digest == archive.digest(inputs.dataset.path)[:36]
    assert json.loads(dataset.profile) == {"num_rows": 16, "train": 8, "valid": 4, "test": 4}
    assert {column["name"] for column in json.loads(dataset.schema)["mlflow_colspec"]} == samples.row(0).keys()


def test_floors_and_ceilings_reject_with_every_reason(inputs: Inputs) -> None:
    report = inputs.evaluation.report()
    report["tuned"] |= {"latency_ms": {"p95": 90.0}, "per_function": {"pod-restart": {"rows": 4, "right": 3}}}
    (inputs.evaluation.path / "report.json").write_text(json.dumps(report))
    agent = samples.AGENT | {"config": {"gate": {"floors": {"pod-restart": 0.8}}}}
    (inputs.dataset.path / "agent.json").write_text(json.dumps(agent))
    outputs = register(dataclasses.replace(inputs, maximum_latency_ms=50.0))
    assert (outputs.approved, outputs.decision) == (
        False,
        "accuracy 0.90 on 4 rows is at least 0.80, but the 95th percentile of the latency, 90 ms, is above 50 ms; "
        "pod-restart, 0.75 on 4 rows, is below its floor 0.80",
    )


def test_stages_follow_the_aliases_where_they_are_asked_to(
    inputs: Inputs,
    client: MlflowClient,
    database: Path,
    monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:
    monkeypatch.setenv("MLFLOW_STAGES", "true")
    register(inputs)
    new = with_weights(inputs, b"new")
    register(new)
    register(with_accuracy(with_weights(inputs, b"bad"), 0.5))
    stages = {version.version: version.current_stage for version in client.search_model_versions(f"name = '{MODEL}'")}
    assert stages == {1: "Archived", 2: "Staging", 3: "None"}
    with nothing_changes(database):
        register(new)
    assert not [warning for warning in recwarn if "stage" in str(warning.message)]


def test_the_champion_stays_in_its_stage(inputs: Inputs, client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    register(inputs)
    crown(client, VERSION)
    monkeypatch.setenv("MLFLOW_STAGES", "true")
    register(inputs)
    assert client.get_model_version(MODEL, "1").current_stage == "None"


def test_stages_are_left_alone_by_default(inputs: Inputs, client: MlflowClient) -> None:
    register(inputs)
    assert client.get_model_version(MODEL, "1").current_stage == "None"


def test_another_word_for_the_stages_is_refused_before_anything_is_written(
    inputs: Inputs, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_STAGES", "yes")
    with nothing_changes(database), pytest.raises(StageError) as refused:
        register(inputs)
    assert str(refused.value) == "the environment variable MLFLOW_STAGES is 'yes'; it must be true or false"


def test_a_rejected_model_is_registered_with_the_reason_and_without_an_alias(
    inputs: Inputs, client: MlflowClient
) -> None:
    outputs = register(with_accuracy(inputs, 0.71))
    assert (outputs.approved, outputs.decision) == (False, "accuracy 0.71 on 4 rows is below 0.80")
    (version,) = client.search_model_versions(f"name = '{MODEL}'")
    assert (version.tags["status"], version.tags["decision"]) == ("rejected", outputs.decision)
    assert client.get_registered_model(MODEL).aliases == {}


def test_other_content_of_the_same_commit_gets_the_next_name(inputs: Inputs) -> None:
    first, second, third = (with_weights(inputs, weights) for weights in (b"a", b"b", b"c"))
    versions = [register(content).model_version for content in (first, second, third, second)]
    assert versions == [VERSION, f"{VERSION}.2", f"{VERSION}.3", f"{VERSION}.2"]


def test_the_same_content_from_another_dataset_is_the_same_version_with_a_second_run(
    inputs: Inputs, client: MlflowClient, tmp_path: Path
) -> None:
    first = register(inputs)
    again = register(dataclasses.replace(inputs, dataset=samples.write_dataset(tmp_path / "larger", train=9)))
    assert (again.model_version, again.run_id == first.run_id) == (VERSION, False)
    assert len(client.search_model_versions(f"name = '{MODEL}'")) == 1


def test_a_published_version_keeps_its_status(inputs: Inputs, client: MlflowClient) -> None:
    register(inputs)
    client.set_model_version_tag(MODEL, "1", "status", "published")
    outputs = register(dataclasses.replace(inputs, minimum_accuracy=0.95))
    assert outputs.decision == "accuracy 0.90 on 4 rows is below 0.95"
    assert client.get_model_version(MODEL, "1").tags["status"] == "published"


def test_a_proposed_version_stays_proposed_until_it_is_rejected(inputs: Inputs, client: MlflowClient) -> None:
    register(inputs)
    client.set_model_version_tag(MODEL, "1", "status", "proposed")
    register(inputs)
    assert client.get_model_version(MODEL, "1").tags["status"] == "proposed"
    register(dataclasses.replace(inputs, minimum_accuracy=0.95))
    assert client.get_model_version(MODEL, "1").tags["status"] == "rejected"


def test_a_model_that_is_no_worse_than_the_champion_is_approved(inputs: Inputs, client: MlflowClient) -> None:
    register(inputs)
    crown(client, VERSION)
    outputs = register(with_weights(inputs, b"new"))
    numbers = "4 of 4 common rows right against 4 (difference 0.0 points, 95 % interval −49.0 to +49.0, p = 1.00)"
    assert outputs.decision == f"{GOOD}; not worse than {VERSION}: {numbers}"
    assert (outputs.approved, outputs.champion, outputs.model_version) == (True, VERSION, f"{VERSION}.2")


def test_a_model_that_is_worse_than_the_champion_is_rejected(inputs: Inputs, client: MlflowClient) -> None:
    register(inputs)
    crown(client, VERSION)
    outputs = register(with_answers(with_weights(inputs, b"new"), {12: WRONG}))
    numbers = "3 of 4 common rows right against 4 (difference −25.0 points, 95 % interval −69.9 to +28.1, p = 1.00)"
    assert outputs.decision == f"accuracy 0.90 on 4 rows is at least 0.80, but worse than {VERSION}: {numbers}"
    assert outputs.approved is False
    assert client.get_model_version_by_alias(MODEL, "candidate").tags["model_version"] == VERSION


def test_rows_of_uncovered_alerts_are_not_compared(inputs: Inputs, client: MlflowClient) -> None:
    idle = [samples.row(number) | {"call": "null", "function": "", "completion": WRONG} for number in range(30, 40)]
    for split in ("test_unseen_alerts", "test_uncovered_alerts"):
        write_lines(inputs.dataset.path / f"{split}.jsonl", idle)
    told = [{"id": row["id"], "expected": "null", "base": "", "tuned": WRONG} for row in idle]
    write_lines(inputs.evaluation.path / "predictions.jsonl", [*inputs.evaluation.predictions(), *told])
    register(inputs)
    crown(client, VERSION)
    worse = with_weights(inputs, b"new")
    calling = [line | {"tuned": samples.row(30)["completion"]} if line in told else line for line in predictions(worse)]
    write_lines(worse.evaluation.path / "predictions.jsonl", calling)
    outputs = register(worse)
    assert f"not worse than {VERSION}: 4 of 4 common rows right against 4 (" in outputs.decision
    assert outputs.approved
    (found,) = client.get_run(outputs.run_id).inputs.dataset_inputs
    splits = {"train": 8, "valid": 4, "test": 4, "test_unseen_alerts": 10, "test_uncovered_alerts": 10}
    assert json.loads(found.dataset.profile) == {"num_rows": 36, **splits}


def predictions(inputs: Inputs) -> list[dict[str, object]]:
    return inputs.evaluation.predictions()


def test_the_report_in_mlflow_shows_the_champion(inputs: Inputs, client: MlflowClient, tmp_path: Path) -> None:
    page = "<section>bars <!-- champion --></section>"
    first = register(inputs)
    crown(client, first.model_version)
    second = with_weights(with_answers(inputs, {12: "none", 13: "none"}), b"new")
    (second.evaluation.path / "report.html").write_text(page)
    run_id = register(second).run_id
    logged = {
        name: Path(client.download_artifacts(run_id, f"evaluation/{name}", str(made(tmp_path / name)))).read_text()
        for name in ("report.html", "report.json")
    }
    told = "2 right, and the champion 4 (difference −50.0 points, 95 % interval −85.0 to +10.2, p = 0.50). This model\n"
    assert f"Of those rows this model has {told}alone has 0 right, the champion alone 2." in logged["report.html"]
    assert f"<span>{first.model_version}, on the 4 rows that both answered</span>" in logged["report.html"]
    champion = json.loads(logged["report.json"])["champion"]
    assert champion == {
        "champion": first.model_version,
        "common": 4,
        "right": 2,
        "champion_right": 4,
        "gained": 0,
        "lost": 2,
        "unseen": 0,
        "difference": -0.5,
        "interval_low": pytest.approx(-0.85, abs=0.005),
        "interval_high": pytest.approx(0.102, abs=0.005),
        "p_value": 0.5,
    }
    metrics = client.get_run(run_id).data.metrics
    assert {f"champion/{key}": value for key, value in champion.items() if key != "champion"}.items() <= metrics.items()
    assert (second.evaluation.path / "report.html").read_text() == page
    assert "champion" not in second.evaluation.report()


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_the_champion_is_measured_by_todays_answers(inputs: Inputs, client: MlflowClient) -> None:
    register(inputs)
    crown(client, VERSION)
    changed = with_remedy(
        with_weights(inputs, b"new"), 12, {"name": "pod-restart", "arguments": {"name": "shop-12", "namespace": "shop"}}
    )
    answer = samples.row(12)["completion"].replace("<escape>web<escape>", "<escape>shop<escape>")
    outputs = register(with_answers(changed, {12: answer}))
    assert outputs.decision.startswith(f"{GOOD}; not worse than {VERSION}: 4 of 4 common rows right against 3 (")


def test_rows_that_the_champion_never_saw_are_told_apart(inputs: Inputs, client: MlflowClient) -> None:
    predictions = inputs.evaluation.predictions()
    old = with_accuracy(inputs, 0.85)
    write_lines(old.evaluation.path / "predictions.jsonl", predictions[:3])
    register(old)
    crown(client, VERSION)
    outputs = register(with_weights(inputs, b"new"))
    assert "3 of 3 common rows right against 3 (" in outputs.decision
    assert outputs.decision.endswith("; 1 new to it")


def test_without_common_rows_the_minimum_decides(inputs: Inputs, client: MlflowClient) -> None:
    old = with_accuracy(inputs, 0.85)
    write_lines(old.evaluation.path / "predictions.jsonl", [inputs.evaluation.predictions()[0] | {"id": "other"}])
    register(old)
    crown(client, VERSION)
    outputs = register(with_weights(inputs, b"new"))
    expected = f"{GOOD}; the champion {VERSION} answered none of these rows"
    assert (outputs.approved, outputs.decision, outputs.champion) == (True, expected, VERSION)


def test_the_champion_itself_is_approved(inputs: Inputs, client: MlflowClient) -> None:
    register(inputs)
    crown(client, VERSION)
    outputs = register(inputs)
    assert outputs.decision == f"{GOOD}; it is the champion already"
    assert (outputs.approved, outputs.champion) == (True, VERSION)


def test_a_champion_that_was_not_registered_here_is_refused(inputs: Inputs, client: MlflowClient) -> None:
    client.create_registered_model(MODEL)
    client.create_model_version(MODEL, "file:///somewhere")
    client.set_registered_model_alias(MODEL, "champion", "1")
    expected = (
        f"the alias champion is on version 1 of {MODEL}, which lacks the tags model_version and content_sha256; "
        "move it to a version that register made"
    )
    with pytest.raises(StageError) as refusal:
        register(inputs)
    assert str(refusal.value) == expected


def test_a_champion_whose_predictions_are_gone_is_refused(inputs: Inputs, client: MlflowClient, database: Path) -> None:
    run_id = register(inputs).run_id
    crown(client, VERSION)
    (database.parent / "mlflow-artifacts" / run_id / "artifacts" / names.PREDICTIONS).unlink()
    with pytest.raises(StageError, match=f"the predictions of the champion {VERSION} are gone from MLflow; restore"):
        register(with_weights(inputs, b"new"))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_value_that_is_not_finite_is_refused_before_anything_is_written(
    inputs: Inputs, database: Path, value: float
) -> None:
    metrics = inputs.metrics.read() | {"training_loss": [{"iteration": 7, "loss": value}]}
    inputs.metrics.path.write_text(json.dumps(metrics))
    with nothing_changes(database), pytest.raises(StageError) as refusal:
        register(dataclasses.replace(inputs, metrics=TrainingMetrics(inputs.metrics.path)))
    expected = f"the metric training_loss is {value} at step 7; train again, with a lower learning_rate"
    assert str(refusal.value) == expected


def test_an_evaluation_of_another_model_is_refused(inputs: Inputs) -> None:
    lineage = {"inputs": {"model": {"sha256": "00" * 32}}}
    (inputs.evaluation.path / "artifact.json").write_text(json.dumps(lineage))
    with pytest.raises(StageError) as refusal:
        register(inputs)
    reason = "the Evaluation was not made from this FineTunedModel; pass the artefacts of one and the same run"
    assert str(refusal.value) == reason


def test_adapters_of_another_base_are_refused(inputs: Inputs) -> None:
    for artifact, base in ((inputs.model, "a" * 64), (inputs.adapters, "b" * 64)):
        lineage = {"stage": "train", "version": "1.0.0", "inputs": {"model": {"sha256": base}}}
        (artifact.path / "artifact.json").write_text(json.dumps(lineage))
    with pytest.raises(StageError) as refused:
        register(inputs)
    assert str(refused.value) == (
        "the Adapters and the FineTunedModel were made from another model; pass the artefacts of one and the same run"
    )


def test_a_deleted_experiment_is_named(inputs: Inputs, client: MlflowClient) -> None:
    client.delete_experiment(client.create_experiment("agent-test-training"))
    with pytest.raises(StageError, match="the MLflow experiment agent-test-training was deleted; restore it: mlflow"):
        register(inputs)
