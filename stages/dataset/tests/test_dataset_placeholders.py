"""A placeholder stands for a label however its author writes it, and one that means none is named."""

import time

import pytest

from stages.dataset.calls.placeholders import Placeholder, as_written, fill, mark, mark_text, placeholders
from stages.dataset.calls.remedy import Remedy, find_remedy
from stages.dataset.calls.tools import read_tools
from stages.dataset.rows.labels import resolve
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.repositories import HOMELAB

SRE = (HOMELAB / "flux/ai/agent-sre/training/tools.yaml").read_text()
ALIAS = "name one under placeholders in tools.yaml"


def taught(command: str, tools: str = SRE) -> dict[str, object] | str:
    """Returns the arguments of the call that a command teaches, labels in braces, or why it teaches none."""
    (alert,) = read_runbook(f"# Alert: PodDown\n\n## Fix\n\n```bash\n{command}\n```\n")
    found = find_remedy(alert, read_tools(tools, "tools.yaml"))
    if not isinstance(found, Remedy):
        return f"{found.kind}: {found.reason}"
    return {
        name: fill(value, lambda known: f"{{{found.label_of[known]}}}") if isinstance(value, str) else value
        for name, value in found.arguments.items()
    }


@pytest.mark.parametrize(
    "written",
    [
        *("<pod>", "<pod-name>", "<POD_NAME>", "<podName>", "<your-pod>", "<YOUR POD NAME>", "<insert pod here>"),
        *(
            "<name of the pod>",
            "<the failing pod>",
            "{pod}",
            "{pod_name}",
            "{{pod}}",
            "{{ .pod }}",
            "{{ $labels.pod }}",
        ),
        *("{{$labels.pod}}", "{{- $labels.pod -}}", "{{ .Labels.pod }}", '{{ index $labels "pod" }}'),
        *("{{ index .Labels `pod` }}", "{{ .CommonLabels.pod }}", "{{ .GroupLabels.pod }}", "{{ alert.labels.pod }}"),
        *(
            "{{ (index .Alerts 0).Labels.pod }}",
            '{{ alert.labels["pod"] }}',
            "$labels.pod",
            "$POD",
            "${POD}",
            "$PODNAME",
        ),
        *("${POD_NAME:-web-0}", "${POD:?which one}", '"$POD"', '"${POD}"', "$env:POD", "%pod%", "%POD_NAME%", "[pod]"),
        *("[pod name]", "[POD_NAME]", '"[pod-name]"', "[[pod]]", "«pod»", "«pod name»", "@@pod@@", "@POD@", "__pod__"),
        *("POD_NAME", "POD-NAME", "POD", "NAME", "YOUR_POD", "YOUR-POD-NAME", "your-pod-name", "my-pod"),
        "pod-name",
    ],
)
def test_a_pod_may_be_written_in_any_style(written: str) -> None:
    assert taught(f"kubectl get pod {written} -n shop") == {"name": "{pod}", "namespace": "shop"}


@pytest.mark.parametrize("written", ["<your-namespace>", "NAMESPACE", "$NS", "[namespace]", "YOUR_NAMESPACE", "%ns%"])
def test_a_flag_s_value_may_be_one(written: str) -> None:
    for flag in (f"-n {written}", f"--namespace={written}"):
        assert taught(f"kubectl get pod web-0 {flag}") == {"name": "web-0", "namespace": "{namespace}"}


def test_a_label_of_another_name_is_that_label() -> None:
    command = "kubectl get pod {{ $labels.kubernetes_pod_name }} -n {{ $labels.kubernetes_namespace }}"
    assert taught(command) == {"name": "{kubernetes_pod_name}", "namespace": "{kubernetes_namespace}"}


@pytest.mark.parametrize(
    "written",
    [
        *(
            "<victim>",
            "<old-pod>",
            "<pod-1>",
            "<pod_ip>",
            "{victim}",
            "[victim]",
            "%victim%",
            "«victim»",
            "VICTIM",
            "$VICTIM",
        ),
        *("${VICTIM:-x}", "{{ victim }}", "{{ value }}", "{{ $value }}", "$value", "xxx", "web-XXXX", "...", "web-…"),
        *("your-thing", "my-app", "@@victim@@", "__victim__", "WEB"),
    ],
)
def test_one_that_means_no_label_is_named_as_it_is_written(written: str) -> None:
    assert taught(f"kubectl get pod {written} -n shop") == (
        f"mistake: line 6: {written} (for name) is no known alert label; {ALIAS}"
    )


@pytest.mark.parametrize(
    "written",
    [
        *(
            "<victim + 1>",
            "<pod|name>",
            "<pod's own name>",
            "{{ .Values.pod }}",
            '{{ include "pod" . }}',
            "$1",
            "${POD%-*}",
        ),
        *("{{ $labels.pod | toUpper }}", "${POD:0:5}", "${!POD}", "{{ printf `%s-0` $labels.pod }}"),
    ],
)
def test_one_that_says_no_label_is_named_as_it_is_written(written: str) -> None:
    assert taught(f"kubectl get pod {written} -n shop") == (
        f"mistake: line 6: {written} (for name) says no label; write {{{{ $labels.… }}}}, or <…> and {ALIAS}"
    )


@pytest.mark.parametrize(
    "written", ["<count>", "$REPLICAS", "N", "COUNT", "{{ $value }}", "[number of replicas]", "{n}"]
)
def test_one_in_place_of_a_number_is_named(written: str) -> None:
    assert taught(f"kubectl scale deployment/web --replicas={written} -n shop") == (
        f"mistake: line 6: {written} (for replicas) is no label's to give; write the number"
    )


def test_one_in_place_of_a_choice_is_named() -> None:
    assert taught("kubectl rollout restart <kind>/web -n shop") == (
        "mistake: line 6: <kind> (for type) is no label's to give; write one of pod, deployment, statefulset, daemonset"
    )


@pytest.mark.parametrize(
    "command",
    [
        "kubectl get pod web-0 -n shop -o jsonpath={.items[*]}",
        "kubectl get pod web-0 -n shop -o jsonpath='{range .items[*]}{.a}{end}'",
        'kubectl patch pod web-0 -n shop -p \'{"spec":{"x":[1]}}\'',
        "kubectl get pod $(kubectl get pod -o name) -n shop",
        "test $? -eq 0",
        "kubectl get pod web-$((1 + 2)) -n shop",
        "kubectl get pod <pod> -n shop --dry-run=SERVER",
        "date +%Y%m%d%H%M",
        "kubectl scale deployment/web --replicas=three -n shop",
    ],
)
def test_what_is_no_placeholder_is_not_told_as_one(command: str) -> None:
    assert "no function of tools.yaml" in str(taught(command)) or "stands for a function of" in str(taught(command))


@pytest.mark.parametrize("value", ["web-[ab]", "[a-z]*", "web-?", "a.b", "a@b.c", "shop-API", "x1", "index"])
def test_a_value_of_its_own_is_none(value: str) -> None:
    assert taught(f"kubectl get pod '{value}' -n shop") == {"name": value, "namespace": "shop"}


LEVEL = """functions:
- name: set-level
  description: d
  parameters: {properties: {level: {type: string}, kind: {type: string, enum: [VICTIM]}, mode: {type: string}}}
  commands:
  - {command: 'shopctl level {level} {kind}', arguments: {mode: QUIET}}
"""


def test_capitals_that_commands_know_are_meant_as_they_stand() -> None:
    assert taught("shopctl level DEBUG VICTIM", LEVEL) == {"level": "DEBUG", "kind": "VICTIM", "mode": "QUIET"}
    assert (
        taught("shopctl level LOUD VICTIM", LEVEL)
        == f"mistake: line 6: LOUD (for level) is no known alert label; {ALIAS}"
    )


def test_an_alias_gives_any_style_its_label() -> None:
    tools = SRE.replace("placeholders:\n", "placeholders:\n  victim: pod\n")
    for written in ("<victim>", "VICTIM", "[victim]", "{{ victim }}", "<Victim name>"):
        assert taught(f"kubectl get pod {written} -n shop", tools) == {"name": "{pod}", "namespace": "shop"}


def test_a_forbidden_command_s_placeholder_is_no_mistake() -> None:
    (alert,) = read_runbook(
        "# Alert: PodDown\n\n## Fix\n\nNever run:\n\n```\nkubectl get pod <victim + 1> -n shop\n```\n"
    )
    found = find_remedy(alert, read_tools(SRE, "tools.yaml"))
    assert not isinstance(found, Remedy)
    assert found.kind == "no call"


def test_a_later_command_that_can_be_filled_in_is_the_answer() -> None:
    assert taught("kubectl get pod <victim + 1> -n shop\nkubectl get pod <pod> -n shop") == {
        "name": "{pod}",
        "namespace": "shop",
    }


def test_brackets_and_capitals_of_prose_are_words() -> None:
    text = "The POD [1] is down, see [pod] and {pod} in NAMESPACE."
    assert mark_text(text) == text


@pytest.mark.parametrize("name", ["pod", "Pod Name", "podName", "the_crashing_pod", "your pod", "pod-name-here", "POD"])
def test_words_around_a_name_do_not_matter(name: str) -> None:
    assert resolve(Placeholder(name, False), {}) == "pod"


@pytest.mark.parametrize("name", ["pod ip", "new pod", "pod-1", "other_pod", "pods.log", "", "name of"])
def test_another_thing_is_not_that_thing(name: str) -> None:
    assert resolve(Placeholder(name, False), {}) is None


def test_a_placeholder_is_shown_as_it_was_written() -> None:
    for written in ("<your pod>", "{{- index $labels 'pod' -}}", "${POD:-x}", "[pod name]"):
        (placeholder,) = placeholders(mark(f"kubectl get {written} x"))
        assert as_written(placeholder, f"kubectl get {written} x") == written
    assert as_written(Placeholder("pod", True), "nothing") == "pod"


@pytest.mark.parametrize(
    "piece", ["<", "<a", "[a ", "{{ ", "${a:-", "«a ", "%a", "__a", "@a", "A_", "my-", "{{ index "]
)
def test_long_commands_take_no_time(piece: str) -> None:
    start = time.process_time()
    mark(piece * 50_000)
    mark_text(piece * 50_000)
    assert time.process_time() - start < 5
