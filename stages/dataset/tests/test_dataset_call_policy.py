"""calls.json says what the agent may call, and every answer that the rows teach passes it."""

import json
from pathlib import Path

import pytest

from shared.alert import read_alerts
from shared.artifacts import ALL_SPLITS, ChatDataset
from shared.asking.call_policy import CallRules, Label
from shared.asking.judgement import DANGEROUS, judge
from shared.function_call import Call
from stages.dataset.contract import Outputs
from stages.dataset.tests.conftest import AGENTS
from stages.dataset.tests.repositories import make, read

TOOLS = """functions:
  - name: queue-drain
    description: Drain a queue.
    dangerous: true
    parameters:
      properties:
        queue: {type: string, pattern: "^[a-z0-9/._-]+$"}
        mode: {type: string, enum: [soft, hard]}
        seconds: {type: integer, minimum: 1, maximum: 600}
        tags: {type: array, items: {type: string}}
      required: [queue, mode]
    commands:
      - command: queuectl drain {queue} --mode {mode} --seconds {seconds}
        arguments: {tags: [drained, by-agent]}
      - command: queuectl drain {queue}
        arguments: {mode: soft}
  - name: node-look
    description: Look at a node.
    parameters: {properties: {node: {type: string}}}
"""
RUNBOOK = """# Runbook

## Alert: QueueStuck

### Symptoms

- The queue {{ $labels.queue }} of {{ $labels.namespace }} does not move.

### Resolution

```bash
queuectl drain {{ $labels.namespace }}/{{ $labels.queue }} --mode hard --seconds 30
```

## Alert: MailQueueStuck

### Symptoms

- No mail is sent.

### Resolution

```bash
queuectl drain mail/outgoing
```
"""


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> ChatDataset:
    folder = tmp_path_factory.mktemp("policy")
    return read(make(folder / "repository", RUNBOOK, TOOLS), folder / "outputs").dataset


def test_it_tells_of_each_function_what_the_runbook_teaches(dataset: ChatDataset) -> None:
    policy = dataset.policy()
    assert policy and policy.functions == {
        "queue-drain": CallRules(
            {
                "type": "object",
                "properties": {
                    "queue": {"type": "string", "pattern": "^[a-z0-9/._-]+$"},
                    "mode": {"type": "string", "enum": ["soft", "hard"]},
                    "seconds": {"type": "integer", "minimum": 1, "maximum": 600},
                    "tags": {"type": "array", "items": {"type": "string"}},
                },
                "required": ["queue", "mode"],
                "additionalProperties": False,
            },
            dangerous=True,
            alerts=frozenset({"QueueStuck", "MailQueueStuck"}),
            constants={"queue": frozenset({"mail/outgoing"}), "tags": frozenset({"drained", "by-agent"})},
            patterns={"queue": frozenset({(Label("namespace"), "/", Label("queue"))})},
        ),
        "node-look": CallRules(
            {"type": "object", "properties": {"node": {"type": "string"}}, "additionalProperties": False}
        ),
    }


def refused(dataset: ChatDataset) -> list[tuple[str, str]]:
    """Returns the kind of each refusal of a right answer, with how its row shows the alert's name."""
    prompt, policy = dataset.prompt(), dataset.policy()
    assert policy
    found = []
    for row in (row for split in ALL_SPLITS for row in dataset.rows(split)):
        (alert,) = read_alerts(json.loads(row["notification"]))
        judged = judge(alert, row["completion"], prompt, policy)
        if judged.refusal:
            found.append((judged.refusal.kind, row["alertname"]))
        else:
            expected = json.loads(row["call"])
            assert judged.call == (Call(expected["name"], expected["arguments"]) if expected else None)
    return found


def test_every_right_answer_passes_but_dangerous_ones_for_another_name(dataset: ChatDataset) -> None:
    assert set(refused(dataset)) <= {(DANGEROUS, "renamed"), (DANGEROUS, "missing")}


@pytest.mark.parametrize("agent", AGENTS)
def test_so_does_every_right_answer_of_the_example(example_outputs: dict[str, Outputs], agent: str) -> None:
    assert set(refused(example_outputs[agent].dataset)) <= {(DANGEROUS, "renamed"), (DANGEROUS, "missing")}


def test_equal_datasets_have_equal_files(dataset: ChatDataset, tmp_path: Path) -> None:
    again = read(make(tmp_path / "repository", RUNBOOK, TOOLS), tmp_path / "outputs").dataset
    assert (again.path / "calls.json").read_bytes() == (dataset.path / "calls.json").read_bytes()
