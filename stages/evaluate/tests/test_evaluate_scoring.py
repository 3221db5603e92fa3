"""Each number on hand-made answers."""

import json
from typing import Any

import pytest

from shared.artifacts import ChatDataset
from shared.errors import StageError
from shared.function_call import Call, Reading
from shared.prompt import render_completion
from stages.evaluate.judging.intervals import chance_of, of_ratio, of_share
from stages.evaluate.judging.schema import satisfies
from stages.evaluate.judging.scoring import Judged, Question, judge, measure, read_questions
from stages.evaluate.reporting.report import changes, compare, percentile
from tests.samples import NAMES, prompt_file

RESTART = Call("pod-restart", {"name": "shop-1", "namespace": "web"})
SCALE = Call("scale-deployment", {"name": "shop-1", "replicas": 3})
PROMPT = prompt_file()


def question(*calls: Call, alert: str = "Down") -> Question:
    return Question("id", alert, "", "firing alert Down", "", calls)


def answered(expected: tuple[Call, ...], text: str) -> Judged:
    return judge(question(*expected), PROMPT.read(text), text)


def written(*calls: Call) -> str:
    return render_completion(map(NAMES.to_model, calls))


@pytest.mark.parametrize(
    ("expected", "text", "verdict"),
    [
        ((RESTART,), written(RESTART), "right"),
        ((RESTART, SCALE), written(RESTART, SCALE), "right"),
        ((RESTART, SCALE), written(SCALE, RESTART), "wrong function"),
        ((RESTART, SCALE), written(RESTART), "wrong function"),
        ((RESTART,), written(RESTART, RESTART), "wrong function"),
        ((), "Nothing is to be done.<end_of_turn>", "right"),
        ((), written(RESTART), "unwanted call"),
        ((), written(RESTART)[:-40], "not readable"),
        ((RESTART,), "Restart it.<end_of_turn>", "no call"),
        ((RESTART,), written(RESTART).replace("pod_restart", "pod_delete"), "not readable"),
        ((RESTART,), written(RESTART).replace("web", "shop"), "wrong arguments"),
        ((SCALE,), written(SCALE).replace("replicas:3", "replicas:3.0"), "wrong arguments"),
        ((SCALE,), written(SCALE).replace("replicas:3", "replicas:<escape>3<escape>"), "wrong arguments"),
        ((Call("scale-deployment", {"replicas": 1}),), written(SCALE).replace("3}", "true}"), "wrong arguments"),
    ],
)
def test_an_answer_is_right_only_if_calls_values_and_types_are(
    expected: tuple[Call, ...], text: str, verdict: str
) -> None:
    assert answered(expected, text).verdict == verdict


def test_true_is_not_one() -> None:
    one, true = Call("scale-deployment", {"replicas": 1}), Call("scale-deployment", {"replicas": True})
    assert judge(question(one), Reading((true,))).verdict == "wrong arguments"


def test_measures_of_six_answers_are_exact() -> None:
    measures = measure(
        [
            answered((RESTART,), written(RESTART)),  # 2 of 2 arguments
            answered((RESTART,), written(RESTART).replace("web", "shop")),  # 1 of 2
            answered((SCALE,), written(SCALE).replace("replicas:3", "replicas:3.0")),  # 1 of 2, against the schema
            answered((SCALE,), written(RESTART)),  # 0 of 2, though `name` has the same value
            answered((SCALE,), "call it"),  # 0 of 2
            answered((), "Nothing to do."),  # none expected
        ],
        PROMPT,
    )
    assert measures["accuracy"] == 2 / 6
    assert measures["right"] == 2
    assert measures["name_accuracy"] == 4 / 6
    assert measures["argument_accuracy"] == 4 / 10
    assert measures["valid_call_rate"] == 4 / 6
    assert measures["verdicts"] == {
        "right": 2,
        "wrong arguments": 2,
        "wrong function": 1,
        "no call": 1,
        "unwanted call": 0,
        "not readable": 0,
    }
    assert measures["per_function"] == {
        "no call": {"rows": 1, "right": 1, "right_names": 1, "interval": of_share(1, 1)},
        "pod-restart": {"rows": 2, "right": 1, "right_names": 2, "interval": of_share(1, 2)},
        "scale-deployment": {"rows": 3, "right": 0, "right_names": 1, "interval": of_share(0, 3)},
    }
    assert measures["per_argument"] == {
        "pod-restart name": {"expected": 2, "right": 2, "interval": of_share(2, 2)},
        "pod-restart namespace": {"expected": 2, "right": 1, "interval": of_share(1, 2)},
        "scale-deployment name": {"expected": 3, "right": 1, "interval": of_share(1, 3)},
        "scale-deployment replicas": {"expected": 3, "right": 0, "interval": of_share(0, 3)},
    }
    assert measures["intervals"]["accuracy"] == of_share(2, 6)
    assert measures["intervals"]["relevance_recall"] == of_share(1, 1)
    assert measures["intervals"]["relevance_precision"] == of_share(1, 2)
    assert measures["intervals"]["parallel"] is None
    assert measures["per_alert"] == {"Down": {"rows": 6, "right": 2, "right_names": 4, "interval": of_share(2, 6)}}
    assert measures["confusion"] == {
        "no call": {"no call": 1},
        "pod-restart": {"pod-restart": 2},
        "scale-deployment": {"no call": 1, "pod-restart": 1, "scale-deployment": 1},
    }


def test_silence_and_parallel_calls_are_counted_apart() -> None:
    one, other = RESTART, SCALE
    answers = [
        answered((), "nothing to do"),
        answered((), written(one)),
        answered((), "<escape>"),
        answered((one,), "nothing to do"),
        answered((one, other), written(one, other)),
        answered((one, other), written(one)),
    ]
    measures = measure(answers, PROMPT)
    assert measures["relevance"] == {"due": 3, "answered": 2, "both": 1}
    assert measures["parallel"] == {"rows": 2, "right": 1}


def test_argument_accuracy_is_unknown_where_no_argument_is_expected() -> None:
    assert measure([answered((), "Nothing.")], PROMPT)["argument_accuracy"] is None


@pytest.mark.parametrize(
    ("right", "rows", "bounds"),
    [(0, 10, (0.0, 0.2775)), (5, 10, (0.2366, 0.7634)), (10, 10, (0.7225, 1.0)), (81, 263, (0.2553, 0.3662))],
)
def test_the_interval_is_wilsons(right: int, rows: int, bounds: tuple[float, float]) -> None:
    # 81 of 263: the example of R. G. Newcombe (1998), method 3.
    assert of_share(right, rows) == pytest.approx(bounds, abs=5e-5)


def test_no_row_has_no_interval() -> None:
    assert of_share(0, 0) is None
    assert of_ratio([1.0, 0.0], [2.0, 0.0]) is None


def test_the_bootstrap_draws_rows_and_weighs_them_by_what_they_hold() -> None:
    rights, wholes = [2.0, 1.0, 0.0, 2.0, 0.0] * 20, [2.0, 2.0, 2.0, 2.0, 0.0] * 20
    found = of_ratio(rights, wholes)
    assert found is not None
    # of 80 rows with 0, 1/2 or 1 right, whose standard deviation is 0.4146: 1.96 standard errors are 0.0909
    assert found == pytest.approx([0.625 - 0.0909, 0.625 + 0.0909], abs=0.01)
    assert found == of_ratio(rights, wholes)
    assert of_ratio([3.0, 3.0], [4.0, 4.0]) == [0.75, 0.75]


@pytest.mark.parametrize(("percent", "value"), [(50, 10), (95, 19), (100, 20), (1, 1)])
def test_percentiles_are_measured_values(percent: int, value: int) -> None:
    assert percentile(list(range(1, 21)), percent) == value


def test_the_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 95) == 7.0


@pytest.mark.parametrize(
    ("value", "schema", "holds"),
    [
        ("pod", {"type": "string", "enum": ["pod", "deployment"]}, True),
        ("node", {"type": "string", "enum": ["pod", "deployment"]}, False),
        (True, {"type": "integer", "enum": [1, 2]}, False),
        (3.0, {"type": "integer"}, False),
        (3, {"type": "NUMBER"}, True),
        (True, {"type": "number"}, False),
        (1, {"type": "number", "enum": [1.0, 2.0]}, True),
        (None, {"type": ["string", "null"]}, True),
        (None, {"type": "string", "enum": ["a"], "nullable": True}, True),
        (None, {"type": "string", "nullable": False}, False),
        ([1, "2"], {"type": "array", "items": {"type": "integer"}}, False),
        ({"a": 1}, {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, True),
        ({}, {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}, False),
        ({"b": 1}, {"type": "object", "properties": {"a": {"type": "integer"}}}, False),
        ({"b": 1}, {"type": "object"}, True),
        ({}, {}, True),
    ],
)
def test_arguments_must_satisfy_the_declared_schema(value: Any, schema: dict[str, Any], holds: bool) -> None:
    assert satisfies(value, schema) is holds


def test_rows_that_training_gained_and_lost_are_counted_apart() -> None:
    right, wrong = answered((RESTART,), written(RESTART)), answered((RESTART,), "no")
    assert changes([right, right, wrong, wrong, wrong], [right, wrong, right, right, wrong]) == {"gained": 2, "lost": 1}


@pytest.mark.parametrize(
    ("gained", "lost", "is_above", "words"),
    [
        (9, 1, True, "It is above the best answer without a model, a lookup by the alert's name (50\u202f%): right"),
        (7, 2, True, "It is above, though not by more than chance allows, the best answer"),
        (1, 1, False, "It is level with the best answer"),
        (2, 7, False, "It is below, though not by more than chance allows, the best answer"),
        (1, 9, False, "It is below the best answer"),
    ],
)
def test_the_verdict_is_against_the_best_baseline(gained: int, lost: int, is_above: bool, words: str) -> None:
    simple = {
        "majority": {"right": 4, "accuracy": 0.2, "change": {"gained": 9, "lost": 0}},
        "lookup": {"right": 10, "accuracy": 0.5, "change": {"gained": gained, "lost": lost}},
    }
    comparison = compare({"right": 10 + gained - lost}, simple)
    assert (comparison["best_baseline"], comparison["is_above"]) == ("lookup", is_above)
    assert comparison["sentence"].startswith(words)
    assert comparison["sentence"].endswith(f"that the baseline has wrong, wrong on {lost} that it has right.")


@pytest.mark.parametrize(
    ("gained", "lost", "chance"), [(0, 0, 1.0), (3, 3, 1.0), (5, 0, 0.0625), (0, 6, 0.03125), (7, 2, 92 / 512)]
)
def test_the_chance_is_that_of_the_exact_sign_test(gained: int, lost: int, chance: float) -> None:
    assert chance_of(gained, lost) == pytest.approx(chance)


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        ("null", ()),
        ("", ()),
        ("[]", ()),
        ('{"name": "pod-restart", "arguments": {"name": "a"}}', (Call("pod-restart", {"name": "a"}),)),
        ('[{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}]', (Call("a", {}), Call("b", {}))),
    ],
)
def test_rows_hold_one_call_several_or_none(inputs: Any, call: str, expected: tuple[Call, ...]) -> None:
    rewrite_test_rows(inputs.dataset, call=call)
    assert [row.expected for row in read_questions(inputs.dataset, "test")] == [expected] * 4


@pytest.mark.parametrize("call", ["{", '{"name": "a"}', "3", '"restart"', '{"name": "a", "arguments": 3}'])
def test_a_row_without_a_readable_call_is_refused(inputs: Any, call: str) -> None:
    rewrite_test_rows(inputs.dataset, call=call)
    with pytest.raises(StageError, match=r"the test row 000000000000000c holds no call: .* make it again"):
        read_questions(inputs.dataset, "test")


def test_a_row_of_another_prompt_is_refused(inputs: Any) -> None:
    rewrite_test_rows(inputs.dataset, prompt="<bos>Which function?")
    with pytest.raises(StageError, match=r"the test row 000000000000000c was not made with the dataset's prompt\.json"):
        read_questions(inputs.dataset, "test")


def test_a_question_holds_the_alert_as_the_user_turn_does(inputs: Any) -> None:
    first = read_questions(inputs.dataset, "test")[0]
    assert first.content == "firing alert Down\ndeployment: shop-12\nnamespace: web"


def rewrite_test_rows(dataset: ChatDataset, **fields: str) -> None:
    rows = [row | fields for row in dataset.rows("test")]
    (dataset.path / "test.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
