"""Inline code: what a person is to run, apart from what is mentioned."""

import pytest

from stages.dataset.runbook.reader import read_runbook


def texts(sentence: str) -> list[str]:
    (alert,) = read_runbook(f"## Alert: DiskFull\n\n### Mitigation\n\n{sentence}\n")
    assert all(command.source == "inline" for command in alert.commands)
    return [command.text for command in alert.commands]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("Run `kubectl get pods -n web` first.", ["kubectl get pods -n web"]),
        ("- `kubectl describe pod <pod>`", ["kubectl describe pod <pod>"]),
        ("Use `df -h` or `du -sh /var`, then `$ ls -la`.", ["df -h", "du -sh /var", "ls -la"]),
        ("1. [`kubectl get nodes`](https://example.com/nodes)", ["kubectl get nodes"]),
        ("| step | command |\n|---|---|\n| 1 | `helm rollback web 3` |", ["helm rollback web 3"]),
        ("Get its log with `kubectl -n web logs $POD`", ["kubectl -n web logs $POD"]),
        ("Check the output of `kubectl get events -A`", ["kubectl get events -A"]),
        ("Restart it by `sudo systemctl restart nginx`.", ["sudo systemctl restart nginx"]),
        ("Set it by `export KUBECONFIG=/etc/kube.conf`.", ["export KUBECONFIG=/etc/kube.conf"]),
        ("`kubectl get pods -n web | grep -v Running`", ["kubectl get pods -n web | grep -v Running"]),
        ("`reboot` it: run `reboot`.", ["reboot"]),
    ],
)
def test_what_a_person_is_to_run(sentence: str, expected: list[str]) -> None:
    assert texts(sentence) == expected


@pytest.mark.parametrize(
    "sentence",
    [
        "`oc logs` will not be usable.",
        "The `kubectl` tool is needed.",
        "Use the flag `--force`.",
        "Look into `/var/log/messages`.",
        "The metric `node_filesystem_avail_bytes` tells.",
        "It has `replicas: 0` or `status=failed`.",
        "Never run `kubectl delete node web-1`.",
        "The pod says `Error: no space left on device`.",
        "The alert `sum(rate(errors_total[5m])) > 3` fires.",
        "Its state is `CrashLoopBackOff`.",
        "`SELECT 1;` must answer.",
        "The log says `npm install failed` or `docker pull x: access denied`.",
    ],
)
def test_what_is_only_mentioned(sentence: str) -> None:
    assert texts(sentence) == []


def test_an_inline_command_stands_on_its_own_line() -> None:
    (alert,) = read_runbook("## Alert: DiskFull\n\nFirst look,\nthen run\n`df -h /var`.\n")
    assert [(command.text, command.line) for command in alert.commands] == [("df -h /var", 5)]
