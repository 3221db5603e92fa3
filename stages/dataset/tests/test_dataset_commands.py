"""A command stands for a call when its parsed words are those of a template, neither more nor fewer."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.dataset.calls.commands import Arguments, match
from stages.dataset.calls.placeholders import Placeholder, fill, mark, placeholders
from stages.dataset.calls.tools import Tools, read_tools
from stages.dataset.calls.words import MAX_COMMAND
from stages.dataset.tests.repositories import HOMELAB


def tools_of(agent: str) -> Tools:
    path = HOMELAB / "flux" / "ai" / agent / "training" / "tools.yaml"
    return read_tools(path.read_text(), path.name)


FUNCTIONS = {f.name: f for agent in ("agent-sre", "agent-bruno") for f in tools_of(agent).functions}


def matched(command: str) -> dict[str, Arguments]:
    """Returns the arguments by the name of each function that the command stands for."""
    found = {name: match(command, function) for name, function in FUNCTIONS.items()}
    return {name: arguments for name, arguments in found.items() if arguments is not None}


def shown(command: str, function: str) -> dict[str, object]:
    """Returns the arguments with each placeholder as its name in brackets."""
    arguments = match(command, FUNCTIONS[function]) or {}
    return {
        name: fill(value, lambda placeholder: f"[{placeholder.name}]") if isinstance(value, str) else value
        for name, value in arguments.items()
    }


@pytest.mark.parametrize(
    "command",
    [
        "kubectl scale deployment/web --replicas=3 -n shop",
        "kubectl -n shop scale deploy/web --replicas 3",
        "kubectl scale deployment web --namespace=shop --replicas=3",
        "kubectl scale --replicas=3 deployments.apps/web --namespace shop",
        "kubectl   scale deploy web -n 'shop' --replicas=\"3\"",
        "kubectl scale deploy web -n shop --replicas=3  # don't forget the budget",
    ],
)
def test_spelling_and_order_do_not_matter(command: str) -> None:
    assert matched(command) == {"scale-deployment": {"name": "web", "namespace": "shop", "replicas": 3}}


@pytest.mark.parametrize(
    "command",
    [
        "kubectl scale deployment/web --replicas=3 -n shop --dry-run=client",
        "kubectl scale deployment/web --replicas=3 -n shop --force",
        "kubectl scale deployment/web --replicas=3",
        "kubectl scale deployment/web other --replicas=3 -n shop",
        "kubectl scale statefulset/web --replicas=3 -n shop",
        "kubectl scale deployment/web --replicas=three -n shop",
        "kubectl scale deployment/web --replicas=3.5 -n shop",
        "kubectl scale deployment/web --replicas= -n shop",
        "kubectl scale deployment/web --replicas=$REPLICAS -n shop",
        "kubectl scale deployment/web --replicas={{ $labels.replicas }} -n shop",
        "kubectl scale deployment/web --replicas=3 -n $(cat namespace)",
        "kubectl scale deployment/web --replicas=3 -n `cat namespace`",
        "kubectl scale deployment/web --replicas=3 -n 'shop",
        'kubectl scale deployment/web --replicas=3 -n "shop',
        "kubectl scale deployment/web --replicas=3 -n shop\\",
        "kubectl scale deployment/${NAME#x} --replicas=3 -n shop",
        "kubectl scale deployment/{{.Values.name}} --replicas=3 -n shop",
        "kubectl scale deployment/web-<offset+1> --replicas=3 -n shop",
        "# kubectl scale deployment/web --replicas=3 -n shop",
        "kubectl scale deployment/web --replicas=3 -n shop | sh",
        "kubectl scale deployment/web --replicas=3 -n shop && kubectl delete pod web-0 -n shop",
        "kubectl scale deployment/web --replicas=3 -n shop; unknownctl --now",
        "kubectl scale deployment/web --replicas=3 -n shop > /etc/log",
        "kubectl scale deployment/web-1->2 --replicas=3 -n shop",
        "(kubectl scale deployment/web --replicas=3 -n shop)",
        "kubectl scale deployment/" + "w" * MAX_COMMAND + " --replicas=3 -n shop",
        "",
        "-",
    ],
)
def test_anything_more_less_or_other_does_not_match(command: str) -> None:
    assert matched(command) == {}


@pytest.mark.parametrize(
    ("command", "full"),
    [
        ("brunoctl knowledge reindex faq -n bruno", False),
        ("brunoctl knowledge reindex faq --full -n bruno", True),
        ("brunoctl --full knowledge reindex faq -n bruno", True),
        ("brunoctl knowledge reindex faq -n bruno --full", True),
    ],
)
def test_a_switch_chooses_the_template_that_has_it(command: str, full: bool) -> None:
    expected = {"collection": "faq", "namespace": "bruno", "full": full}
    assert matched(command) == {"reindex-knowledge-base": expected}


def test_a_switch_that_is_turned_off_is_not_there() -> None:
    assert matched("brunoctl knowledge reindex faq --full=false -n bruno") == {}


def test_a_parameter_before_a_slash_binds_the_kind() -> None:
    expected = {"name": "web", "namespace": "shop", "type": "statefulset"}
    assert matched("kubectl rollout restart sts/web -n shop") == {"pod-restart": expected}
    assert matched("kubectl rollout restart statefulset web -n shop") == {"pod-restart": expected}
    assert matched("kubectl rollout restart job/web -n shop") == {}


def test_a_constant_of_the_template_is_an_argument() -> None:
    expected = {"name": "web-0", "namespace": "shop", "type": "pod"}
    assert matched("kubectl delete pod web-0 -n shop") == {"pod-restart": expected}


def test_an_enum_takes_its_choices_alone() -> None:
    assert matched("brunoctl cache clear answers -n bruno") == {
        "clear-cache": {"cache": "answers", "namespace": "bruno"}
    }
    assert matched("brunoctl cache clear sessions -n bruno") == {}
    assert matched("brunoctl cache clear $CACHE -n bruno") == {}


@pytest.mark.parametrize(
    ("style", "name"),
    [
        ("{{ $labels.pod }}", "pod"),
        ("{{$labels.pod}}", "pod"),
        ("{{ pod }}", "pod"),
        ("{{ .pod }}", "pod"),
        ("<pod>", "pod"),
        ("<pod name>", "pod_name"),
        ("<my-pod>", "my-pod"),
        ("$POD", "POD"),
        ("${POD}", "POD"),
        ('"$POD"', "POD"),
        ("pre-$POD", None),
    ],
)
def test_a_placeholder_may_be_written_in_any_style(style: str, name: str | None) -> None:
    found = shown(f"kubectl delete pod {style} -n <namespace>", "pod-restart")
    assert found == {"name": f"[{name}]" if name else "pre-[POD]", "namespace": "[namespace]", "type": "pod"}


def test_a_name_behind_a_resource_is_the_resource_s_name() -> None:
    assert shown("kubectl scale deploy $NAME --replicas=2 -n x", "scale-deployment")["name"] == "[deployment]"
    assert shown("kubectl delete pod <name> -n x", "pod-restart")["name"] == "[pod]"


@pytest.mark.parametrize("pair", ["shop/web-0", "<namespace>/<pod>", "pod/web-0"])
def test_two_parameters_around_a_slash_need_not_be_a_resource(pair: str) -> None:
    parameters = "parameters: {properties: {a: {type: string}, b: {type: string}}}"
    text = f"functions: [{{name: f, description: d, {parameters}, commands: ['x {{a}}/{{b}}']}}]"
    arguments = match(f"x {pair}", read_tools(text, "t.yaml").functions[0])
    assert arguments == dict(zip("ab", mark(pair).split("/"), strict=True))


def test_the_same_parameter_twice_must_have_one_value() -> None:
    parameters = "parameters: {properties: {a: {type: string}}}"
    tools = read_tools(f"functions: [{{name: f, description: d, {parameters}, commands: ['x {{a}} {{a}}']}}]", "t.yaml")
    assert match("x 1 1", tools.functions[0]) == {"a": "1"}
    assert match("x 1 2", tools.functions[0]) is None


def test_marks_of_a_runbook_s_own_are_not_placeholders() -> None:
    assert list(placeholders(mark("\ue000=evil\ue001 <pod>"))) == [Placeholder("pod", False)]


WORDS = ["kubectl", "delete", "pod", "-n", "--namespace=", "'", '"', "\\", "#", "$", "${", "{{", "}}", "<", ">", "/"]
COMMANDS = st.lists(st.sampled_from(WORDS) | st.text(max_size=5)).map(" ".join)


@given(COMMANDS | st.text())
def test_matching_never_raises(command: str) -> None:
    for function in FUNCTIONS.values():
        match(command, function)


NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,12}[a-z0-9]", fullmatch=True)
PLACEHOLDERS = NAMES.map(lambda word: "{{ $labels." + word.replace("-", "_") + " }}")


@given(NAMES | PLACEHOLDERS, NAMES | PLACEHOLDERS, st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_every_spelling_of_a_call_is_that_call(name: str, namespace: str, replicas: int, chance: random.Random) -> None:
    target = chance.choice(
        ([f"deployment/{name}"], [f"deploy/{name}"], ["deployment", name], ["deployments.apps", name])
    )
    flags = [
        chance.choice((["-n", namespace], ["--namespace", namespace], [f"--namespace={namespace}"])),
        chance.choice((["--replicas", str(replicas)], [f"--replicas={replicas}"])),
    ]
    chance.shuffle(flags)
    parts = [*flags, target]
    chance.shuffle(parts)
    command = chance.choice((" ", "  ")).join(["kubectl", "scale", *(word for part in parts for word in part)])
    assert shown(command, "scale-deployment") == {
        "name": shown_value(name),
        "namespace": shown_value(namespace),
        "replicas": replicas,
    }


@given(NAMES, NAMES, st.integers(0, 99), st.sampled_from(("--force", "--dry-run=client", "| sh", "&& reboot", "extra")))
def test_one_word_more_is_another_command(name: str, namespace: str, replicas: int, more: str) -> None:
    assert matched(f"kubectl scale deployment/{name} -n {namespace} --replicas={replicas} {more}") == {}


def shown_value(text: str) -> str:
    """Returns a placeholder's name in brackets, any other text as it is."""
    return fill(mark(text), lambda placeholder: f"[{placeholder.name}]")
