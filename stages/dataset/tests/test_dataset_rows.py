"""A row is an alert as the agent sends it, and the call that the runbook teaches; splits share no label value."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.alert import render_notification
from shared.artifacts import ALL_SPLITS, SPLITS, UNSEEN_ALERTS
from shared.errors import StageError
from shared.function_call import CONTROL_TOKENS, Call
from stages.dataset.calls.placeholders import Placeholder
from stages.dataset.calls.remedies import find_remedies
from stages.dataset.calls.tools import read_tools
from stages.dataset.contract import Outputs
from stages.dataset.rows import labels
from stages.dataset.rows.examples import Sampling, make_rows, prompt_file
from stages.dataset.rows.leaks import label_values
from stages.dataset.rows.row import Row
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.conftest import AGENTS
from stages.dataset.tests.repositories import RUNBOOK, STATED, TOOLS, make, read

FUNCTIONS = read_tools(TOOLS, "tools.yaml")
PROMPT = prompt_file(FUNCTIONS)


def rows_of(runbook: str, per_alert: int = 24, seed: int = 0) -> list[Row]:
    findings = find_remedies(read_runbook(runbook), FUNCTIONS)
    return make_rows(findings, FUNCTIONS, PROMPT, Sampling(per_alert, seed, 0, 0))


def calls_of(row: dict[str, Any]) -> tuple[Call, ...]:
    known = json.loads(row["call"])
    return (Call(known["name"], known["arguments"]),) if known else ()


@pytest.mark.parametrize("agent", AGENTS)
def test_every_row_of_the_example_reads_back_to_its_call(agent: str, example_outputs: dict[str, Outputs]) -> None:
    dataset = example_outputs[agent].dataset
    prompt = dataset.prompt()
    rows = [row for split in ALL_SPLITS for row in dataset.rows(split)]
    assert len(rows) == example_outputs[agent].rows == len({row["id"] for row in rows})
    for row in rows:
        assert row["prompt"] == prompt.prompt(render_notification(json.loads(row["notification"])))
        assert prompt.read(row["completion"]).calls == calls_of(row)
        assert row["function"] == "".join(call.name for call in calls_of(row))


@pytest.mark.parametrize("agent", AGENTS)
def test_no_label_value_is_in_two_splits(agent: str, example_outputs: dict[str, Outputs]) -> None:
    splits_of: dict[str, set[str]] = defaultdict(set)
    for split in SPLITS:
        for row in example_outputs[agent].dataset.rows(split):
            for value in label_values(row | {"stated": STATED}):
                splits_of[value].add(split)
    assert {value: splits for value, splits in splits_of.items() if len(splits) > 1} == {}


@pytest.mark.parametrize("agent", AGENTS)
def test_every_alert_is_in_every_split(agent: str, example_outputs: dict[str, Outputs]) -> None:
    dataset = example_outputs[agent].dataset
    counts = [Counter(row["alert"] for row in dataset.rows(split)) for split in SPLITS]
    called = [{row["alert"] for row in dataset.rows(split) if row["function"]} for split in SPLITS]
    assert called[0] == called[1] == called[2]
    assert not called[0] & {row["alert"] for row in dataset.rows(UNSEEN_ALERTS)}
    assert [min(count[alert] for alert in called[0]) for count in counts] >= [17, 3, 3]


def test_the_rows_of_one_alert_are_known_to_the_byte() -> None:
    row = rows_of(RUNBOOK, per_alert=12)[0]
    notification = json.loads(row.notification)
    pod, namespace = notification["labels"]["pod"], notification["labels"]["namespace"]
    assert row.prompt == PROMPT.prompt(render_notification(notification))
    assert row.completion == (
        f"<start_function_call>call:pod_restart{{name:<escape>{pod}<escape>,namespace:<escape>{namespace}<escape>}}"
        "<end_function_call><start_function_response>"
    )
    assert notification["labels"].keys() >= {"alertname", "cluster", "namespace", "pod"}
    phrases = {f"Pod {pod} does not answer.", f"Nothing listens in {namespace}."}
    assert set(notification["annotations"].values()) <= phrases


def test_another_seed_gives_other_rows_whose_values_stay_in_their_split() -> None:
    one, other = rows_of(RUNBOOK, 40, seed=1), rows_of(RUNBOOK, 40, seed=2)
    assert rows_of(RUNBOOK, 40, seed=1) == one
    assert not {row.id for row in one} & {row.id for row in other}
    for row in [*one, *other]:
        assert {labels.split_of(value) for value in label_values(row.columns())} == {row.split}


@given(st.sampled_from(sorted(labels.GENERATORS)), st.sampled_from(SPLITS), st.randoms(use_true_random=False))
def test_a_drawn_value_belongs_to_the_split_it_was_drawn_for(label: str, split: str, chance: Any) -> None:
    assert labels.split_of(labels.draw(label, split, chance)) == split


@pytest.mark.parametrize(
    ("written", "label"),
    [
        (Placeholder("anything", True), "anything"),
        (Placeholder("POD", False), "pod"),
        (Placeholder("ns", False), "namespace"),
        (Placeholder("my-pvc", False), "persistentvolumeclaim"),
        (Placeholder("pod_name", False), "pod"),
        (Placeholder("your-deployment", False), "deployment"),
        (Placeholder("Claim", False), "volume"),
        (Placeholder("victim", False), None),
    ],
)
def test_a_placeholder_means_a_label(written: Placeholder, label: str | None) -> None:
    assert labels.resolve(written, {"claim": "volume"}) == label


def test_a_split_without_rows_is_refused(tmp_path: Path, tiny: Path) -> None:
    with pytest.raises(StageError) as raised:
        read(tiny, tmp_path, examples_per_alert=2)
    assert str(raised.value) == (
        "the split train would be empty; raise examples_per_alert or add alerts to the runbook"
    )


@pytest.mark.parametrize("answer", ["Use pod-restart.", "call pod_restart", "`kubectl delete pod x -n y` helps"])
def test_a_symptom_that_tells_the_answer_is_not_used(answer: str) -> None:
    runbook = f"## Alert: PodDown\n\n### Symptoms\n\n- {answer}\n\n### Fix\n\n`kubectl delete pod x -n y`\n"
    for row in rows_of(runbook):
        assert list(json.loads(row.notification)["annotations"].values()) == ["Pod Down"]


def test_without_symptoms_the_first_sentence_of_the_meaning_is_used() -> None:
    runbook = "## Alert: PodDown\n\n### Meaning\n\nIt is gone. Long ago.\n\n### Fix\n\n`kubectl delete pod x -n y`\n"
    assert json.loads(rows_of(runbook)[0].notification)["annotations"] == {"summary": "It is gone."}


@pytest.mark.parametrize("token", CONTROL_TOKENS)
def test_a_control_token_in_a_phrase_changes_neither_turns_nor_call(token: str) -> None:
    phrase = f"Down {token}\\{token[:-1]}\\>&lt;{token[1:]} {token}model"
    runbook = RUNBOOK.replace("does not answer", phrase)
    clean, rows = rows_of(RUNBOOK), rows_of(runbook)
    empty = PROMPT.prompt("x")
    for row in rows:
        assert row.prompt.count(token) == empty.count(token)
    assert [row.completion for row in rows] == [row.completion for row in clean]


def test_a_control_token_in_an_alert_s_name_is_taken_apart_in_the_prompt() -> None:
    runbook = RUNBOOK.replace("PodDown", "Pod<end_of_turn>Down").replace("critical", "<escape>bad")
    row = rows_of(runbook)[0]
    assert "firing alert Pod< end_of_turn>Down\n" in row.prompt
    assert row.prompt.count("<end_of_turn>") == PROMPT.prompt("x").count("<end_of_turn>")


def test_the_alert_s_name_and_severity_may_be_arguments() -> None:
    command = "kubectl delete pod {{ $labels.alertname }} -n {{ $labels.severity }}"
    row = rows_of(f"## Alert: PodDown\n\n**Severity**: info\n\n`{command}`\n")[0].columns()
    assert calls_of(row)[0].arguments == {"name": "PodDown", "namespace": "info"}


@settings(max_examples=25)
@given(st.text(max_size=60), st.text(max_size=20))
def test_any_phrase_and_any_name_give_rows_that_read_back(phrase: str, name: str) -> None:
    runbook = f"## Alert: A{name}\n\n### Symptoms\n\n{phrase}\n\n### Fix\n\n`kubectl delete pod <pod> -n <ns>`\n"
    for row in rows_of(runbook, per_alert=3):
        assert PROMPT.read(row.completion).calls == calls_of(row.columns())
        assert row.prompt == PROMPT.prompt(render_notification(json.loads(row.notification)))


def test_a_repository_of_odd_bytes_gives_rows(tmp_path: Path) -> None:
    runbook = b"\xef\xbb\xbf" + RUNBOOK.replace("\n", "\r\n").encode() + b"caf\xe9 \xff\xfe\r\n"
    assert read(make(tmp_path / "gitops", runbook=runbook), tmp_path / "out").rows == 26
