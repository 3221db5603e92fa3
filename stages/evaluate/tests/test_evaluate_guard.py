"""What the client makes of the answers: which calls leave it, and which it stops, on hand-made answers."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.artifacts import UNCOVERED_ALERTS
from shared.asking.agent import Agent
from shared.asking.call_policy import CallPolicy
from shared.errors import StageError
from shared.function_call import Call
from shared.prompt import render_completion
from stages.evaluate.contract import Inputs
from stages.evaluate.judging.actions import false_calls, missed_calls
from stages.evaluate.judging.guard import acted_upon, guarded
from stages.evaluate.judging.scoring import Judged, Question, judge
from stages.evaluate.main import run
from tests.samples import NAMES, call_policy, prompt_file

PROMPT = prompt_file()
AGENT = Agent(PROMPT, call_policy())
DANGEROUS = CallPolicy({name: replace(rules, dangerous=True) for name, rules in call_policy().functions.items()})
LABELS = {"alertname": "Down", "deployment": "shop-1", "namespace": "web"}
RESTART = Call("pod-restart", {"name": "shop-1", "namespace": "web"})
SCALE = Call("scale-deployment", {"name": "shop-1", "replicas": 3})
SILENCE = "No call is due.<end_of_turn>\n"
NONE = {"right": 0, "wrong": 0, "false": 0}


def written(*calls: Call) -> str:
    return render_completion(map(NAMES.to_model, calls))


def answer(text: str, *expected: Call, split: str = "test", labels: dict[str, str] = LABELS) -> Judged:
    notification = json.dumps({"labels": labels})
    right = written(*expected) if expected else SILENCE
    question = Question("id", "Down", "", "", "", expected, split, completion=right, notification=notification)
    return judge(question, PROMPT.read(text), text)


def acted(*answers: Judged) -> tuple[int, int]:
    """The false and the missed calls of what leaves the client."""
    left = acted_upon(answers, AGENT)
    return false_calls(left)["count"], missed_calls(left)["count"]


def measured(*answers: Judged, agent: Agent = AGENT) -> dict[str, Any]:
    found = guarded(answers, agent)
    assert found
    return found


INVENTED = written(Call("pod-restart", {"name": "shop-2", "namespace": "web"}))
INCOMPLETE = "<start_function_call>call:pod_restart{name:<escape>shop-1<escape>}<end_function_call>"


def test_what_fits_leaves_the_client_right_wrong_or_false() -> None:
    raw = written(RESTART)
    answers = answer(raw, RESTART), answer(raw, SCALE), answer(raw), answer(SILENCE), answer(SILENCE, SCALE)
    found = measured(*answers)
    assert found["passed"] == {"right": 1, "wrong": 1, "false": 1}
    assert (found["stopped"], found["saved"], found["rows"]) == (NONE, 0, 5)
    assert found["accuracy"] == 2 / 5
    assert acted(*answers) == (1, 1)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (INVENTED, "ungrounded"),
        (INCOMPLETE, "invalid"),
        (INVENTED.replace("pod_restart", "pod_delete"), "undeclared"),
        (written(RESTART, RESTART), "several"),
    ],
)
def test_a_call_that_is_stopped_is_saved_and_leaves_the_alert_without_one(text: str, kind: str) -> None:
    answers = answer(text), answer(text, SCALE), answer(text, split=UNCOVERED_ALERTS)
    found = measured(*answers)
    assert found["stopped"] == {"right": 0, "wrong": 1, "false": 2}
    assert found["saved"] == 3
    assert {name: count for name, count in found["refused"].items() if count} == {kind: 3}
    assert found["passed"] == NONE
    assert acted(*answers) == (0, 1)
    assert found["accuracy"] == 1 / 2  # where none is due, none is made


def test_an_unreadable_answer_is_refused_but_saves_nothing() -> None:
    found = measured(answer(written(RESTART)[:-40], RESTART), answer(written(RESTART)[:-40]))
    assert (found["refused"]["unreadable"], found["stopped"], found["saved"]) == (2, NONE, 0)


def test_a_right_call_is_stopped_where_it_is_dangerous_and_the_alert_has_another_name() -> None:
    agent = Agent(PROMPT, DANGEROUS)
    renamed = answer(written(RESTART), RESTART, labels=LABELS | {"alertname": "ShopDown"})
    found = measured(answer(written(RESTART), RESTART), renamed, agent=agent)
    assert (found["passed"]["right"], found["stopped"]["right"], found["saved"]) == (1, 1, 0)
    assert (found["refused"]["dangerous"], found["withheld"]) == (1, 1)


def test_where_the_client_refuses_even_the_right_call_none_is_missed_and_none_is_false() -> None:
    other = LABELS | {"alertname": "ShopDown"}
    answers = answer(SILENCE, RESTART), answer(SILENCE, RESTART, labels=other), answer(written(RESTART), labels=other)
    left = acted_upon([*answers, answer(SILENCE)], Agent(PROMPT, DANGEROUS))
    assert (missed_calls(left)["count"], missed_calls(left)["rows"]) == (1, 1)
    assert (false_calls(left)["count"], false_calls(left)["rows"]) == (0, 2)


def test_every_right_answer_of_the_dataset_leaves_the_client(inputs: Inputs) -> None:
    for split in ("train", "valid", "test"):
        for row in inputs.dataset.rows(split):
            expected = Call(**json.loads(row["call"]))
            question = Question(row["id"], "", "", "", "", (expected,), split, notification=row["notification"])
            text = row["completion"]
            found = measured(judge(question, PROMPT.read(text), text))
            assert (found["passed"]["right"], found["stopped"]) == (1, NONE)


def test_without_rules_or_notifications_nothing_is_measured() -> None:
    known = answer(SILENCE)
    assert guarded([known], None) is None
    assert acted_upon([known], None) == [known]
    assert guarded([replace(known, question=replace(known.question, notification=""))], AGENT) is None
    several = replace(known.question, notification=json.dumps([{"labels": LABELS}] * 2))
    assert guarded([replace(known, question=several)], AGENT) is None


def test_a_row_that_holds_no_notification_is_told() -> None:
    known = answer(SILENCE)
    with pytest.raises(StageError, match=r"the row id holds no notification: .*; make the dataset again"):
        guarded([replace(known, question=replace(known.question, notification="{"))], AGENT)


def test_the_stage_measures_it_and_the_page_shows_it(inputs: Inputs, tmp_path: Path) -> None:
    (tmp_path / "outputs").mkdir()
    evaluation = run(inputs, tmp_path / "outputs").evaluation
    for side in ("base", "tuned"):
        report = evaluation.report()[side]
        guard = report["guard"]
        assert report["model_alone"]["false_calls"]["rows"] == report["false_calls"]["rows"]
        assert guard["rows"] == 4
        assert guard["passed"]["right"] <= evaluation.report()[side]["right"]
    assert "Refused: a text that neither alert nor runbook says" in (evaluation.path / "report.html").read_text("utf-8")


def test_a_model_of_an_earlier_release_is_measured_without(
    inputs: Inputs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (inputs.model.path / "calls.json").unlink()
    (tmp_path / "outputs").mkdir()
    evaluation = run(inputs, tmp_path / "outputs").evaluation
    assert evaluation.report()["tuned"]["guard"] is None
    assert "Not measured: the dataset or the model" in (evaluation.path / "report.html").read_text("utf-8")
    assert "the model has no calls.json, as an earlier release made it" in capsys.readouterr().err
