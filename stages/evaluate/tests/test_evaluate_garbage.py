"""Whatever a model writes, the scorer reads it in no time, counts it, and shows it."""

import time
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.function_call import CONTROL_TOKENS, Call
from shared.prompt import render_completion
from stages.evaluate.judging.scoring import VERDICTS, Judged, Question, judge, measure
from stages.evaluate.reporting.page import failures
from tests.samples import NAMES, prompt_file

PROMPT = prompt_file()
RESTART = Call("pod-restart", {"name": "shop-1", "namespace": "web"})
RIGHT = render_completion([NAMES.to_model(RESTART)])
PIECES = (*CONTROL_TOKENS, "call:", "pod_restart", "{", "}", "[", "]", ",", ":", "name", "-", "1e9", "None", "\u202e")
ENDLESS = {
    "open lists": "<start_function_call>call:pod_restart{name:" + "[" * 10_000,
    "open objects": "<start_function_call>call:pod_restart{" + "a:{" * 10_000,
    "open strings": "<start_function_call>call:pod_restart{name:" + "<escape>" * 10_001,
    "calls without an end": "<start_function_call>" * 10_000,
    "ends without a call": "<end_function_call>" * 10_000,
    "the same call again": RIGHT.partition("<start_function_response>")[0] * 500,
    "one long number": "<start_function_call>call:pod_restart{name:" + "9" * 10_000 + "}<end_function_call>",
    "one long word": "a" * 10_000,
    "many arguments": "<start_function_call>call:pod_restart{" + "name:1," * 10_000,
    "padding": "<pad>" * 10_000,
    "white space": " \n\t" * 10_000,
    "nested and closed": "<start_function_call>call:pod_restart{name:"
    + "[" * 5_000
    + "]" * 5_000
    + "}<end_function_call>",
}
SECONDS = 5.0  # far more than any takes, far less than a quadratic scan


def scored(text: str) -> Judged:
    question = Question("id", "Down", "", "firing alert Down", "", (RESTART,))
    answer = judge(question, PROMPT.read(text), text)
    measures: dict[str, Any] = measure([answer], PROMPT)
    assert sum(measures["verdicts"].values()) == 1
    assert len(failures([answer], [answer])) == (answer.verdict != "right")
    return answer


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=6), max_size=60).map("".join))
def test_any_text_gets_a_verdict(text: str) -> None:
    assert scored(text).verdict in VERDICTS


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(RIGHT)), st.sampled_from(PIECES), st.integers(0, 12))
def test_a_right_call_with_something_put_into_it_gets_a_verdict(place: int, piece: str, cut: int) -> None:
    assert scored(RIGHT[:place] + piece + RIGHT[place + cut :]).verdict in VERDICTS


@pytest.mark.parametrize("text", ENDLESS.values(), ids=ENDLESS.keys())
def test_ten_thousand_tokens_of_garbage_are_wrong_in_no_time(text: str) -> None:
    began = time.process_time()
    assert scored(text).verdict != "right"
    assert time.process_time() - began < SECONDS
