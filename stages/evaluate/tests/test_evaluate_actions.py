"""False and missed calls, and what is called for alerts that nothing covers, on hand-made answers."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.artifacts import UNCOVERED_ALERTS, UNSEEN_ALERTS
from shared.function_call import Call
from shared.prompt import render_completion
from stages.evaluate.contract import Inputs
from stages.evaluate.judging.actions import attempted, called_alerts, false_calls, missed_calls
from stages.evaluate.judging.intervals import of_share
from stages.evaluate.judging.scoring import Judged, Question, judge, measure, read_questions
from stages.evaluate.main import run
from tests.samples import NAMES, prompt_file, row

RESTART = Call("pod-restart", {"name": "shop-1", "namespace": "web"})
OTHER = Call("pod-restart", {"name": "shop-2", "namespace": "web"})
SCALE = Call("scale-deployment", {"name": "shop-1", "replicas": 3})
PROMPT = prompt_file()
SILENCE = "No call is due.<end_of_turn>\n"


def written(*calls: Call) -> str:
    return render_completion(map(NAMES.to_model, calls))


RAW = written(RESTART)
UNDECLARED = RAW.replace("pod_restart", "pod_delete")
OTHER_ARGUMENT = RAW.replace("namespace:", "zone:")
TORN = RAW[:-40]
TORN_SECOND = RAW.removesuffix("<start_function_response>") + TORN


def answer(text: str, *expected: Call, split: str = "test", alert: str = "Down", made_of: str = "") -> Judged:
    question = Question("id", alert, "", "firing alert Down", "", expected, split, answer=made_of)
    return judge(question, PROMPT.read(text), text)


def counted(count: int, rows: int) -> dict[str, Any]:
    return {"rows": rows, "count": count, "share": count / rows if rows else None, "interval": of_share(count, rows)}


@pytest.mark.parametrize(
    ("text", "false", "missed"),
    [
        (RAW, 1, 0),
        (written(RESTART, SCALE), 1, 0),
        (RAW.replace("web", "shop"), 1, 0),
        ("Let me see. " + RAW, 1, 0),
        (SILENCE + RAW, 0, 1),  # what stands behind the end of the turn is not read
        (UNDECLARED, 1, 1),
        (UNDECLARED.replace("<start_function_response>", "") + RAW, 1, 1),
        (OTHER_ARGUMENT, 1, 1),
        (TORN, 0, 1),
        (TORN_SECOND, 0, 1),
        (SILENCE, 0, 1),
        ("", 0, 1),
        ("call:pod_restart{name:<escape>a<escape>}", 0, 1),
        ("<start_function_call>", 0, 1),
    ],
)
def test_a_false_call_is_one_that_would_be_tried_and_a_missed_one_is_not_carried_out(
    text: str, false: int, missed: int
) -> None:
    assert false_calls([answer(text)])["count"] == false
    assert missed_calls([answer(text, RESTART)])["count"] == missed


def test_an_unreadable_answer_is_wrong_but_no_false_call() -> None:
    torn = answer(TORN)
    assert (torn.verdict, false_calls([torn])["count"]) == ("not readable", 0)


def test_false_calls_are_counted_together_and_apart() -> None:
    answers = [
        *[answer(SILENCE)] * 3,
        answer(RAW),
        answer(RAW, RESTART),  # wants one
        *[answer(UNDECLARED, split=UNCOVERED_ALERTS)] * 2,
        *[answer(SILENCE, split=UNCOVERED_ALERTS)] * 4,
        answer(RAW, split=UNSEEN_ALERTS),
        answer(SILENCE, RESTART, split=UNSEEN_ALERTS),
    ]
    by_split = {"test": counted(1, 4), UNCOVERED_ALERTS: counted(2, 6)}
    assert false_calls(answers) == counted(3, 10) | {"by_split": by_split}
    assert missed_calls(answers) == counted(0, 1)


def test_without_such_a_row_there_is_no_share() -> None:
    nothing = {"rows": 0, "count": 0, "share": None, "interval": None}
    assert missed_calls([answer(RAW)]) == nothing
    assert false_calls([answer(RAW, RESTART)]) == nothing | {"by_split": {"test": nothing, UNCOVERED_ALERTS: nothing}}
    assert called_alerts([]) == {}


def test_alerts_with_most_calls_come_first_with_what_was_called_most_often() -> None:
    answers = [
        answer(RAW, alert="Often"),
        answer(written(OTHER), alert="Often"),
        answer(written(OTHER), alert="Often"),
        answer(written(SCALE), alert="Often"),
        answer(SILENCE, alert="Often"),
        answer(UNDECLARED, alert="Once"),
        answer(TORN, alert="Once"),
        answer(SILENCE, alert="Never"),
        answer(TORN, alert="Never"),
    ]
    assert called_alerts(answers) == {
        "Often": {"rows": 5, "count": 4, "function": "pod-restart", "answer": [told(OTHER)]},
        "Once": {
            "rows": 2,
            "count": 1,
            "function": "pod_delete",
            "answer": [told(Call("pod_delete", RESTART.arguments))],
        },
    }
    assert list(called_alerts(answers)) == ["Often", "Once"]


def test_one_call_more_often_does_not_outweigh_a_function_that_is_called_more_often() -> None:
    answers = [written(SCALE), written(SCALE), RAW, written(OTHER), written(Call("pod-restart", {"name": "x"}))]
    (found,) = called_alerts([answer(text) for text in answers]).values()
    assert (found["function"], found["answer"]) == ("pod-restart", [told(RESTART)])


def test_several_calls_are_one_answer() -> None:
    (found,) = called_alerts([answer(written(RESTART, SCALE))]).values()
    assert (found["function"], found["answer"]) == ("pod-restart + scale-deployment", [told(RESTART), told(SCALE)])


def told(call: Call) -> dict[str, Any]:
    return {"name": call.name, "arguments": call.arguments}


def test_a_baseline_s_answer_has_no_text() -> None:
    silent, calling = (judge(Question("id", "Down", "", "", "", ()), PROMPT.read(text)) for text in (SILENCE, RAW))
    assert (attempted(silent), attempted(calling)) == ((), (RESTART,))


def test_rows_are_counted_by_what_their_answer_is_made_of() -> None:
    answers = [
        answer(RAW, RESTART, made_of="filled"),
        answer(SILENCE, RESTART, made_of="filled"),
        answer(written(SCALE), SCALE, made_of="constant"),
        answer(RAW, made_of="none"),
        answer(RAW, RESTART),
    ]
    found = measure(answers, PROMPT)["per_answer"]
    assert {name: (group["right"], group["rows"]) for name, group in found.items()} == {
        "constant": (1, 1),
        "filled": (1, 2),
        "none": (0, 1),
    }
    assert found["filled"]["interval"] == of_share(1, 2)


def test_rows_of_an_older_dataset_are_not_counted_so(inputs: Inputs) -> None:
    assert "per_answer" not in measure([answer(RAW, RESTART)], PROMPT)
    assert {question.answer for question in read_questions(inputs.dataset, "test")} == {""}


def write_rows(inputs: Inputs, split: str, rows: list[dict[str, Any]]) -> None:
    (inputs.dataset.path / f"{split}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in rows))


def test_alerts_that_nothing_covers_are_answered_and_measured_apart(inputs: Inputs, tmp_path: Path) -> None:
    idle = {"call": "null", "function": "", "completion": SILENCE}
    write_rows(inputs, UNCOVERED_ALERTS, [row(n) | idle | {"alert": f"Alien{n % 2}"} for n in (40, 41, 42)])
    write_rows(inputs, UNSEEN_ALERTS, [row(30) | {"alert": "Away"}])
    write_rows(inputs, "test", [*inputs.dataset.rows("test"), row(50) | idle])
    (tmp_path / "outputs").mkdir()
    outputs = run(inputs, tmp_path / "outputs")
    report = outputs.evaluation.report()

    assert report["splits"][UNCOVERED_ALERTS] == 3
    measured = report[UNCOVERED_ALERTS]
    assert (report["rows"], measured["rows"], measured["alerts"]) == (5, 3, ["Alien0", "Alien1"])
    # by its name and its labels, the lookup finds for each of them the call of the alert that it looks like
    assert measured["baselines"]["lookup"]["accuracy"] == 0.0
    for side in ("base", "tuned"):
        assert set(measured[side]["called"]) <= {"Alien0", "Alien1"}
        assert (
            measured[side]["verdicts"]["right"]
            + measured[side]["verdicts"]["not readable"]
            + sum(each["count"] for each in measured[side]["called"].values())
            >= 3
        )
        assert {split: each["rows"] for split, each in report[side]["false_calls"]["by_split"].items()} == {
            "test": 1,
            UNCOVERED_ALERTS: 3,
        }
        assert (report[side]["false_calls"]["rows"], report[side]["missed_calls"]["rows"]) == (4, 4)
    lookup = report["baselines"]["lookup"]
    assert (lookup["false_calls"]["count"], lookup["missed_calls"]["count"]) == (4, 0)
    told = [line["split"] for line in outputs.evaluation.predictions()]
    assert told == ["test"] * 5 + [UNSEEN_ALERTS] + [UNCOVERED_ALERTS] * 3
    assert "3 rows of 2 alerts of the alerting rules" in (outputs.evaluation.path / "report.html").read_text("utf-8")
