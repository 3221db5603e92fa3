"""report.html says what happened and trusts no text."""

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from shared.artifacts import UNCOVERED_ALERTS
from shared.function_call import Call
from shared.prompt import render_completion
from stages.evaluate.contract import Inputs
from stages.evaluate.judging.scoring import Judged, Question, judge, read_questions
from stages.evaluate.reporting.curves import curves
from stages.evaluate.reporting.page import (
    compared,
    confusion,
    failures,
    percent,
    render_page,
    split_difference,
    visible,
)
from stages.evaluate.reporting.report import Examined, build_report, describe_training
from tests.samples import NAMES, prompt_file

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\u202eexe\x1b[31m\"'&"
PROMPT = prompt_file()


class Reader(HTMLParser):
    """Collects tags, and the texts between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def texts(question: Question, call: Call) -> str:
    return render_completion([NAMES.to_model(call)])


def sides(inputs: Inputs) -> tuple[list[Judged], list[Judged]]:
    """Returns four rows: right, wrong value, unreadable, and prose, in hostile words; before, the last one is right."""
    rows = read_questions(inputs.dataset, "test")
    rows[1] = replace(rows[1], alert=HOSTILE, content=f"firing alert {HOSTILE}")
    right = [texts(row, row.expected[0]) for row in rows]
    wrong = [right[0], right[1].replace("shop-13", "shop-31" + visible(HOSTILE)), right[2][:50], HOSTILE]
    before = ["", "", "", right[3]]
    return judged(rows, before), judged(rows, wrong)


def judged(rows: list[Question], answers: list[str]) -> list[Judged]:
    return [judge(row, PROMPT.read(text), text) for row, text in zip(rows, answers, strict=True)]


def rendered(inputs: Inputs, base: list[Judged], tuned: list[Judged]) -> str:
    examined = {
        "base": Examined(base, [80.0], 40, 2.0, [[-3.0, -1.0] for _ in base]),
        "tuned": Examined(tuned, [1234.0], 40, 2.0, [[-0.25] for _ in tuned]),
    }
    training = read_questions(inputs.dataset, "train")
    model: dict[str, Any] = {"base_name": HOSTILE, "base_revision": "r1", "parameters": 5000, "content_sha256": "ab"}
    settings = {"batch": 16, "decoding": "greedy", "max_tokens": 12, "latency": "", "throughput": "", "host": "cpu"}
    report = build_report(inputs.dataset, training, examined, PROMPT, inputs.model.policy())
    report |= {"model": model | {"base_bytes": 1 << 20, "tuned_bytes": 1 << 20}, "settings": settings}
    metrics = inputs.metrics.read()
    metrics["parameters"]["lora_modules"] = HOSTILE
    report |= {"training": describe_training(metrics), "lineage": {"dataset_sha256": "cd", "base_sha256": "ef"}}
    return render_page(report, metrics, base, tuned)


def test_the_verdict_comes_first(inputs: Inputs) -> None:
    text = Reader(rendered(inputs, *sides(inputs))).text
    verdict = "Accuracy 25\u202f% after, 25\u202f% before, on 4 held-out rows"
    assert (
        0
        < text.index(verdict)
        < text.index("It is below, though not by more than chance allows, the best")
        < text.index("Lookup")
    )
    assert "Training made 1 row right that the base model has wrong, and 1 wrong that it has right." in text
    assert "1.2\u202fs" in text


def with_idle(inputs: Inputs, answers: Sequence[str], split: str = "test", alert: str = "") -> list[Question]:
    """Returns as many rows that want no call as there are answers."""
    first = read_questions(inputs.dataset, "test")[0]
    idle = replace(first, expected=(), call="null", split=split, alert=alert)
    return [replace(idle, id=f"{split}-{alert}-{number}") for number in range(len(answers))]


def test_false_and_missed_calls_stand_at_the_top(inputs: Inputs) -> None:
    rows = read_questions(inputs.dataset, "test")
    right = [texts(row, row.expected[0]) for row in rows]
    idle, alien = [right[0], "", "", ""], [right[0], "", right[0]]
    questions = [*rows, *with_idle(inputs, idle), *with_idle(inputs, alien, UNCOVERED_ALERTS, HOSTILE)]
    tuned = judged(questions, [*right[:3], "", *idle, *alien])
    page = Reader(rendered(inputs, judged(questions, ["no"] * len(questions)), tuned))
    text = plain(page.text)
    false = (
        "43 % False calls 3 of 7 alerts that want no call got one; 95 % interval 16–75 %. "
        "1 of 4 in the test, 2 of 3 of alerts that nothing covers. Before training: 0 of 7."
    )
    missed = "25 % Missed calls 1 of 4 alerts that want a call got none; 95 % interval 5–70 %. Before training: 4 of 4."
    assert text.index("held-out rows") < text.index(false) < text.index(missed) < text.index("Majority")
    assert "3 rows of 1 alert of the alerting rules that no page and no function covers." in text
    assert "What was called most often" in text
    assert f"{visible(HOSTILE)} 3 2 {rows[0].expected[0].name} " in text
    assert "alert that nothing covers" in text[text.index("Every wrong answer") :]
    assert not {"img", "a"} & {tag for tag, _ in page.tags}


def plain(text: str) -> str:
    return " ".join(text.split())


def test_alerts_without_a_call_are_named_too(inputs: Inputs) -> None:
    rows = read_questions(inputs.dataset, "test")
    questions = [*rows, *with_idle(inputs, ["", ""], UNCOVERED_ALERTS, "Alien")]
    silent = judged(questions, [""] * len(questions))
    text = plain(Reader(rendered(inputs, silent, silent)).text)
    assert "2 rows of 1 alert of the alerting rules" in text
    assert "None of them got a call. Without a call (1) Alien" in text
    assert "Alert that got a call" not in text


def test_what_no_row_asks_is_not_measured(inputs: Inputs) -> None:
    text = plain(Reader(rendered(inputs, *sides(inputs))).text)
    assert "– False calls Not measured: no row wants no call." in text
    assert "Alerts that nothing covers" not in text
    assert "By what the answer is made of" not in text


def test_what_the_answer_is_made_of_is_said_in_words(inputs: Inputs) -> None:
    kinds = ("filled", "constant", "constant", "none")
    rows = [replace(row, answer=kind) for row, kind in zip(read_questions(inputs.dataset, "test"), kinds, strict=True)]
    perfect = judged(rows, [texts(row, row.expected[0]) for row in rows])
    text = plain(Reader(rendered(inputs, perfect, perfect)).text)
    assert "By what the answer is made of" in text
    for told in ("calls with fixed names (memory) 2/2", "calls with names from the alert 1/1", "no call 1/1"):
        assert told in text


def test_every_wrong_answer_is_shown_and_no_right_one(inputs: Inputs) -> None:
    base, tuned = sides(inputs)
    page = rendered(inputs, base, tuned)
    shown = re.findall(r'id="row-(\w+)"', page)
    assert shown == [tuned[3].question.id, tuned[1].question.id, tuned[2].question.id]
    text = Reader(page).text
    assert "Every wrong answer (3)" in text
    assert "right before training" in text
    assert f"Not readable: {tuned[2].reading.fault}" in text
    assert tuned[2].text in text
    assert visible(tuned[3].text) in text
    assert tuned[3].question.content in text


def test_hostile_text_stays_text(inputs: Inputs) -> None:
    page = rendered(inputs, *sides(inputs))
    reader = Reader(page)
    assert not {"img", "iframe", "link", "a"} & {tag for tag, _ in reader.tags}
    assert [tag for tag, _ in reader.tags].count("script") == 1
    assert not [name for _, attributes in reader.tags for name in attributes if name.startswith("on")]
    assert visible(HOSTILE) in reader.text
    assert "\u202e" not in page and "\x1b" not in page


def test_the_page_asks_for_nothing(inputs: Inputs) -> None:
    page = rendered(inputs, *sides(inputs))
    assert not re.search(r"https?:|url\(|@import|src=", page.replace("src=x", ""))
    policy = dict(Reader(page).tags)["meta"]
    assert "default-src 'none'" in page and policy is not None


def test_the_one_script_is_the_one_that_the_policy_allows(inputs: Inputs) -> None:
    page = rendered(inputs, *sides(inputs))
    [script] = re.findall(r"<script>(.*)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'" in page


def test_losses_are_drawn_with_the_best_validation_marked() -> None:
    steps = [{"iteration": step, "loss": 3.0 / (1 + step)} for step in range(1, 41)]
    checks = [{"iteration": step, "loss": loss} for step, loss in ((0, 4.0), (20, 0.2), (40, 0.3))]
    drawn = curves({"training_loss": steps, "validation_loss": checks, "best_iteration": 20})
    assert drawn is not None
    assert drawn["best"] == {"at": 20, "loss": 0.2}
    assert [point["is_best"] for point in drawn["points"]] == [False, True, False]
    heights = [point["y"] for point in drawn["points"]]
    assert heights[0] == 12.0 < heights[2] < heights[1]  # downwards
    assert [column["text"] for column in drawn["columns"]] == ["0", "10", "20", "30", "40"]
    assert [row["text"] for row in drawn["rows"]] == ["0.1", "0.2", "0.5", "1", "2"]


@pytest.mark.parametrize("losses", [[], [{"iteration": 1, "loss": 0.0}]])
def test_metrics_without_a_loss_to_draw_are_no_curve(inputs: Inputs, losses: list[Any]) -> None:
    assert curves({"training_loss": losses, "validation_loss": losses}) is None


def test_every_number_of_iterations_has_some_ticks() -> None:
    for last in (1, 2, 3, 9, 10, 99, 450, 1000, 123456):
        series = [{"iteration": step, "loss": 1.0} for step in (0, last)]
        drawn = curves({"training_loss": series, "validation_loss": series})
        assert drawn is not None
        assert 2 <= len(drawn["columns"]) <= 7


def test_a_page_without_failures_says_so(inputs: Inputs) -> None:
    rows = read_questions(inputs.dataset, "test")
    perfect = judged(rows, [texts(row, row.expected[0]) for row in rows])
    text = Reader(rendered(inputs, judged(rows, [""] * 4), perfect)).text
    assert "Accuracy 100\u202f% after, 0\u202f% before" in text
    assert "No wrong answer" in text


def test_what_differs_between_two_calls_is_marked() -> None:
    expected = Call("scale", {"name": "shop-cart", "replicas": 3, "namespace": "web"})
    got = Call("scale", {"name": "shop-card", "replicas": "3", "force": True})
    assert compared([got], [expected], name_missing=True) == [
        {
            "name": "scale",
            "name_differs": False,
            "arguments": [
                {"key": "force", "state": "extra", "parts": ("", "true", "")},
                {"key": "name", "state": "differs", "parts": ('"shop-car', "d", '"')},
                {"key": "namespace", "state": "missing", "parts": ("", "", "")},
                {"key": "replicas", "state": "differs", "parts": ("", '"3"', "")},
            ],
        }
    ]
    assert [argument["state"] for argument in compared([expected], [])[0]["arguments"]] == ["same"] * 3


@pytest.mark.parametrize(
    ("text", "other", "parts"),
    [
        ("same", "same", ("same", "", "")),
        ("shop-1-x", "shop-2-x", ("shop-", "1", "-x")),
        ("web", "media", ("", "web", "")),
        ("aaa", "aaaa", ("", "aaa", "")),
        ("aaaa", "aaa", ("aaa", "a", "")),
    ],
)
def test_a_difference_has_a_beginning_and_an_end(text: str, other: str, parts: tuple[str, str, str]) -> None:
    assert split_difference(text, other) == parts


def test_only_a_whole_is_a_hundred_percent() -> None:
    shares = (None, 0.0, 0.001, 0.126, 0.999, 1.0)
    assert [percent(share).replace("\u202f", " ") for share in shares] == [
        "–",
        "0 %",
        "< 1 %",
        "13 %",
        "> 99 %",
        "100 %",
    ]


def test_the_matrix_ends_with_what_is_no_function() -> None:
    matrix = confusion({"no call": {"no call": 2}, "b": {"not readable": 1, "a": 3}})
    assert matrix["columns"] == ["a", "b", "no call", "not readable"]
    assert [(row["name"], row["total"]) for row in matrix["rows"]] == [("b", 4), ("no call", 2)]
    assert [cell["count"] for cell in matrix["rows"][0]["cells"]] == [3, 0, 0, 1]


def test_failures_that_training_caused_come_first(inputs: Inputs) -> None:
    assert [failure["was_right"] for failure in failures(*sides(inputs))] == [True, False, False]
