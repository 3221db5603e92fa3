"""An answer is a call only if nothing speaks against it; else it is a refusal that says why."""

from typing import Any

import pytest

from shared.alert import Alert
from shared.asking.call_policy import CallPolicy, CallRules, Label
from shared.asking.judgement import DANGEROUS, INVALID, SEVERAL, UNDECLARED, UNGROUNDED, UNREADABLE, Judgement, judge
from shared.function_call import Call, write_calls
from shared.prompt import FunctionNames, NameMap, PromptFile

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string"},
        "type": {"type": "string", "enum": ["pod", "deployment"]},
        "replicas": {"type": "integer", "minimum": 0, "maximum": 10},
        "ports": {"type": "array", "items": {"type": "string"}, "maxItems": 3},
        "labels": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "required": ["name"],
    "additionalProperties": False,
}
NAMES = NameMap(
    {
        name: FunctionNames(name.replace("-", "_"), {key: {"type": "kind"}.get(key, key) for key in properties})
        for name, properties in {"pod-restart": PARAMETERS["properties"], "node-drain": {"node": {}}}.items()
    }
)
NODE = {"type": "object", "properties": {"node": {"type": "string"}}, "required": ["node"]}
PROMPT = PromptFile.render(
    [
        {"name": "pod-restart", "description": "", "parameters": {**PARAMETERS, "additionalProperties": None}},
        {"name": "node-drain", "description": "", "parameters": NODE},
    ],
    NAMES,
)
POLICY = CallPolicy(
    {
        "pod-restart": CallRules(
            PARAMETERS,
            constants={"name": frozenset({"flagger"}), "labels": frozenset({"team"}), "ports": frozenset({"http"})},
            patterns={"name": frozenset({(Label("app"), "-", Label("shard"))})},
        ),
        "node-drain": CallRules(
            {**NODE, "additionalProperties": False}, dangerous=True, alerts=frozenset({"NodeNotReady"})
        ),
    }
)
ALERT = Alert(
    "firing", {"alertname": "Down", "pod": "shop-0", "app": "shop", "shard": "7"}, {"summary": "shop is down"}
)


def said(*calls: Call) -> str:
    return write_calls(NAMES.to_model(call) for call in calls)


def judged(function: str = "pod-restart", alert: Alert = ALERT, /, **arguments: Any) -> Judgement:
    return judge(alert, said(Call(function, arguments)), PROMPT, POLICY)


@pytest.mark.parametrize(
    "arguments",
    [
        {"name": "shop-0"},  # a label's value
        {"name": "shop is down"},  # an annotation's
        {"name": "flagger"},  # what the runbook writes there
        {"name": "shop-7"},  # what it makes of two labels
        {"name": "shop-0", "type": "pod", "replicas": 10},
        {"name": "shop-0", "ports": ["http", "7"], "labels": {"team": "shop"}},
    ],
)
def test_what_alert_or_runbook_says_is_called(arguments: dict[str, Any]) -> None:
    assert judged(**arguments) == Judgement(Call("pod-restart", arguments))


@pytest.mark.parametrize(
    ("kind", "arguments", "reason"),
    [
        (INVALID, {}, "the call of pod-restart: lacks name"),
        (INVALID, {"name": None}, "the call of pod-restart: name is null"),
        (INVALID, {"name": 7}, "the call of pod-restart: name is 7, no string"),
        (
            INVALID,
            {"name": "shop-0", "type": "Pod"},
            'the call of pod-restart: type is "Pod", none of "pod", "deployment"',
        ),
        (
            INVALID,
            {"name": "shop-0", "replicas": 11},
            "the call of pod-restart: replicas is 11, which must be at most 10",
        ),
        (
            INVALID,
            {"name": "shop-0", "replicas": -1},
            "the call of pod-restart: replicas is -1, which must be at least 0",
        ),
        (INVALID, {"name": "shop-0", "replicas": 3.0}, "the call of pod-restart: replicas is 3.0, no integer"),
        (INVALID, {"name": "shop-0", "replicas": True}, "the call of pod-restart: replicas is true, no integer"),
        (INVALID, {"name": "shop-0", "ports": ["7"] * 4}, "the call of pod-restart: ports has 4 items, more than 3"),
        (INVALID, {"name": "shop-0", "ports": [7]}, "the call of pod-restart: ports [0] is 7, no string"),
        (UNGROUNDED, {"name": "shop"[:3]}, "name of pod-restart is 'sho', which neither alert nor runbook says"),
        (UNGROUNDED, {"name": ""}, "name of pod-restart is '', which neither alert nor runbook says"),
        (UNGROUNDED, {"name": "Shop-0"}, "name of pod-restart is 'Shop-0', which neither alert nor runbook says"),
        (UNGROUNDED, {"name": "shop-0 "}, "name of pod-restart is 'shop-0 ', which neither alert nor runbook says"),
        (UNGROUNDED, {"name": "shοp-0"}, "name of pod-restart is 'shοp-0', which neither alert nor runbook says"),
        (UNGROUNDED, {"name": "http"}, "name of pod-restart is 'http', which neither alert nor runbook says"),
        (
            UNGROUNDED,
            {"name": "shop-0", "ports": ["7", "ssh"]},
            "ports of pod-restart is 'ssh', which neither alert nor",
        ),
        (UNGROUNDED, {"name": "shop-0", "labels": {"x": "7"}}, "labels of pod-restart is 'x', which neither alert nor"),
        (
            UNGROUNDED,
            {"name": "shop-0", "labels": {"team": "y"}},
            "labels of pod-restart is 'y', which neither alert nor",
        ),
    ],
)
def test_what_comes_from_nowhere_or_does_not_fit_is_refused(kind: str, arguments: dict[str, Any], reason: str) -> None:
    refusal = judged(**arguments).refusal
    assert refusal and refusal.kind == kind
    assert refusal.reason.startswith(reason)


@pytest.mark.parametrize(
    "labels", [{"alertname": "Down"}, {}, {"alertname": "nodenotready"}, {"alertname": "Node Not Ready"}]
)
def test_a_dangerous_function_is_called_for_an_alert_alone_that_the_runbook_names(labels: dict[str, str]) -> None:
    stated = Alert("firing", {"alertname": "NodeNotReady", "node": "n1"}, {})
    assert judged("node-drain", stated, node="n1").call == Call("node-drain", {"node": "n1"})
    refusal = judged("node-drain", Alert("firing", {"node": "n1", **labels}, {}), node="n1").refusal
    assert refusal and refusal.kind == DANGEROUS
    named = labels.get("alertname") or "an alert without a name"
    assert refusal.reason == f"node-drain is dangerous, and the runbook does not teach it for {named}"


def test_a_pattern_of_a_label_that_the_alert_lacks_grounds_nothing() -> None:
    for name in ("shop-", "shop-None", "shop"[:0], "-"):
        refusal = judged("pod-restart", Alert("firing", {"app": "shop"}, {}), name=name).refusal
        assert refusal and refusal.kind == UNGROUNDED


@pytest.mark.parametrize(
    "text",
    ["", "No call is due.<end_of_turn>", "call me later", "<end_of_turn>" + said(Call("node-drain", {"node": "7"}))],
)
def test_silence_is_neither_a_call_nor_a_refusal(text: str) -> None:
    assert judge(ALERT, text, PROMPT, POLICY) == Judgement()


@pytest.mark.parametrize(
    ("kind", "text", "reason"),
    [
        (UNREADABLE, "<start_function_call>call:pod_restart{", "the answer holds no key at character 38: the end"),
        (
            UNREADABLE,
            "call:pod_restart{name:shop-0}",
            "the answer holds 'call:pod_restart{' without the tokens of a call",
        ),
        (UNREADABLE, "x" * 50_001, "the answer has 50001 characters; at most 50000 are read"),
        (UNDECLARED, "<start_function_call>call:rm{}<end_function_call>", "the function 'rm' is not declared"),
        (
            UNDECLARED,
            "<start_function_call>call:pod_restart{force:true}<end_function_call>",
            "the function 'pod_restart' has no parameter 'force'",
        ),
        (
            SEVERAL,
            said(*[Call("pod-restart", {"name": "shop-0"})] * 2),
            "the answer makes 2 calls; an alert has one remedy",
        ),
    ],
)
def test_what_is_not_one_call_of_a_declared_function_is_refused(kind: str, text: str, reason: str) -> None:
    refusal = judge(ALERT, text, PROMPT, POLICY).refusal
    assert refusal and refusal.kind == kind
    assert refusal.reason.startswith(reason)


def test_a_reason_is_one_line_whatever_the_model_wrote() -> None:
    refusal = judged(name="a\n::error::\x1b[2J").refusal
    assert refusal and "\n" not in refusal.reason and "\x1b" not in refusal.reason


def test_a_function_that_calls_json_does_not_know_is_not_called() -> None:
    refusal = judge(ALERT, said(Call("pod-restart", {"name": "shop-0"})), PROMPT, CallPolicy({})).refusal
    assert refusal and refusal.kind == UNDECLARED
