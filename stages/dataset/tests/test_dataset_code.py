"""Commands in blocks of code, in every shape that people write them."""

import textwrap

import pytest

from stages.dataset.runbook.reader import read_runbook


def commands(markdown: str) -> list[tuple[str, int]]:
    """Returns the commands of an alert's mitigation and their lines, counted from the mitigation's first line."""
    head = "## Alert: DiskFull\n\n### Mitigation\n\n"
    alerts = read_runbook(head + textwrap.dedent(markdown).lstrip("\n"))
    return [(command.text, command.line - 4) for command in alerts[0].commands]


def texts(markdown: str) -> list[str]:
    return [text for text, _ in commands(markdown)]


@pytest.mark.parametrize("info", ["", "bash", "sh", "shell", "console", "zsh", "Bash", "{.bash}", "bash title=x"])
def test_a_shell_s_block_holds_commands_whatever_its_info_string(info: str) -> None:
    assert texts(f"```{info}\nkubectl get pods -n web\n```\n") == ["kubectl get pods -n web"]


@pytest.mark.parametrize("info", ["promql", "sql", "go", "python", "diff", "mermaid"])
def test_a_block_of_another_language_holds_none(info: str) -> None:
    assert texts(f"```{info}\nkubectl get pods -n web\n```\n") == []


@pytest.mark.parametrize("info", ["yaml", "yml", "json"])
def test_a_block_of_data_holds_the_command_with_which_it_begins(info: str) -> None:
    block = "# what to edit\nkubectl edit kafka events -n web\n\nspec:\n  command: kubectl get pods -A\n"
    assert texts(f"```{info}\n{block}```\n") == ["kubectl edit kafka events -n web"]
    assert texts(f"```{info}\nspec:\n  x: 1\nkubectl get pods -n web\n```\n") == []


@pytest.mark.parametrize(
    ("block", "expected"),
    [
        pytest.param(
            """
            1. Look first:

               - At the pods:

                    ```bash
                    kubectl get pods
                    ```
            """,
            [("kubectl get pods", 6)],
            id="a fence far under a nested list",
        ),
        pytest.param(
            """
            ```
            $ kubectl get pods
            NAME    READY   STATUS
            web-0   0/1     CrashLoopBackOff
            $ kubectl logs web-0
            panic: no space left
            ```
            """,
            [("kubectl get pods", 2), ("kubectl logs web-0", 5)],
            id="prompts and output",
        ),
        pytest.param(
            """
            ```console
            [root@node1 ~]# systemctl status chronyd
            chronyd.service - NTP client
            user@host:~$ date
            db-01.example.net:/var/log$ sudo tail -n 20 postgres.log
            LOG: checkpoint starting
            ```
            """,
            [("systemctl status chronyd", 2), ("date", 4), ("sudo tail -n 20 postgres.log", 5)],
            id="prompts with a host's name",
        ),
        pytest.param(
            """
            ```console
            # etcdctl endpoint status -w table
            +----------+--------+
            | ENDPOINT | LEADER |
            +----------+--------+
            ```
            """,
            [("etcdctl endpoint status -w table", 2)],
            id="root's prompt",
        ),
        pytest.param(
            """
            ```bash
            # Look at the nodes
            kubectl get nodes  # all of them
            # kubectl delete node web-1
            ```
            """,
            [("kubectl get nodes", 3)],
            id="comments",
        ),
        pytest.param(
            """
            ```bash
            kubectl patch deployment web \\
              --namespace web \\
              --type merge
            ```
            """,
            [("kubectl patch deployment web --namespace web --type merge", 2)],
            id="continuations",
        ),
        pytest.param(
            "```bash\nkubectl get pods \\ \n  -n web\nkubectl get pvc \\ # claims\n  -n web\n```\n",
            [("kubectl get pods -n web", 2), ("kubectl get pvc -n web", 4)],
            id="blanks and comments behind a backslash",
        ),
        pytest.param(
            """
            ```bash
            kubectl get pods \\
              # only those of the shop
              -l app=shop
            ```
            """,
            [("kubectl get pods -l app=shop", 2)],
            id="a comment on a continuation line",
        ),
        pytest.param(
            """
            ```bash
            kubectl get pods -A |
              grep -v Running |
              wc -l
            kubectl get nodes
            ```
            """,
            [("kubectl get pods -A | grep -v Running | wc -l", 2), ("kubectl get nodes", 5)],
            id="a pipeline over lines",
        ),
        pytest.param(
            """
            - Make room:

              ```sh
              cat <<'END' | kubectl apply -f -
              kind: Namespace
              metadata:
                name: web
              END
              kubectl get namespace web
              ```
            """,
            [
                ("cat <<'END' | kubectl apply -f -\nkind: Namespace\nmetadata:\n  name: web\nEND", 4),
                ("kubectl get namespace web", 9),
            ],
            id="a here-document in a list",
        ),
        pytest.param(
            """
            ```bash
            for pod in a b; do
              # each of them
              kubectl delete pod "$pod"
            done
            echo done
            ```
            """,
            [('for pod in a b; do\n  # each of them\n  kubectl delete pod "$pod"\ndone', 2), ("echo done", 6)],
            id="a loop",
        ),
        pytest.param(
            """
            ```bash
            if kubectl get pod web-0; then
              kubectl logs web-0
            fi
            ```
            """,
            [("if kubectl get pod web-0; then\n  kubectl logs web-0\nfi", 2)],
            id="a condition",
        ),
        pytest.param(
            """
            ```bash
            export NAMESPACE=web
            POD=$(kubectl get pods -n $NAMESPACE -o name | head -1)
            NODE=<node>
            kubectl logs $POD
            ```
            """,
            [
                ("export NAMESPACE=web", 2),
                ("POD=$(kubectl get pods -n $NAMESPACE -o name | head -1)", 3),
                ("NODE=<node>", 4),
                ("kubectl logs $POD", 5),
            ],
            id="assignments",
        ),
        pytest.param(
            """
            ```bash
            openssl x509 -noout -enddate -in cert.pem
            notAfter=Mar  3 10:00:00 2030 GMT
            ```
            """,
            [("openssl x509 -noout -enddate -in cert.pem", 2)],
            id="output that looks like an assignment",
        ),
        pytest.param(
            """
            ```bash
            kubectl get pods -n web
            NAME                   READY   STATUS    RESTARTS   AGE
            web-5d9c7b5c4f-x2x7v   1/1     Running   0          4d
            ```
            """,
            [("kubectl get pods -n web", 2)],
            id="a table behind a command without prompt",
        ),
        pytest.param(
            """
            ```bash
            echo "${NAME#prefix}" # cut it
            kubectl scale deploy web --replicas=<number of replicas + 1>
            kubectl get pod {{ $labels.pod }} -o jsonpath='{range .items[*]}{.x}{end}'
            ```
            """,
            [
                ('echo "${NAME#prefix}"', 2),
                ("kubectl scale deploy web --replicas=<number of replicas + 1>", 3),
                ("kubectl get pod {{ $labels.pod }} -o jsonpath='{range .items[*]}{.x}{end}'", 4),
            ],
            id="a sharp sign that is no comment, and placeholders",
        ),
        pytest.param(
            """
            ```bash
            kubectl get pods -n web && kubectl get events -n web
            cd /var/log; ls -la
            ```
            """,
            [("kubectl get pods -n web && kubectl get events -n web", 2), ("cd /var/log; ls -la", 3)],
            id="lists on one line",
        ),
        pytest.param(
            """
            Run this:

                kubectl get pods -n web

            """,
            [("kubectl get pods -n web", 3)],
            id="indented code",
        ),
        pytest.param("> ```bash\n> kubectl get nodes\n> ```\n", [("kubectl get nodes", 2)], id="a fence in a quote"),
        pytest.param(
            "<pre>kubectl get pods\nkubectl logs &lt;pod&gt;</pre>\n",
            [("kubectl get pods", 1), ("kubectl logs <pod>", 2)],
            id="HTML",
        ),
        pytest.param(
            """
            ```bash
            kubctl get pods -n web
            ./bin/fix-disk.sh --all
            ```
            """,
            [("kubctl get pods -n web", 2), ("./bin/fix-disk.sh --all", 3)],
            id="a typo and a script",
        ),
        pytest.param(
            """
            ```bash
            psql -c "SELECT pid
              FROM pg_stat_activity"
            ```
            """,
            [('psql -c "SELECT pid\n  FROM pg_stat_activity"', 2)],
            id="a quoted text over lines",
        ),
    ],
)
def test_logical_commands_and_their_lines(block: str, expected: list[tuple[str, int]]) -> None:
    assert commands(block) == expected


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("```bash\nSELECT * FROM pg_stat_activity;\n```", id="SQL"),
        pytest.param("```bash\napiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n```", id="YAML"),
        pytest.param("```console\n2024-01-02T03:04:05Z ERROR no space left on device\n```", id="a log"),
        pytest.param("```console\nE0102 03:04:05.6 1 main.go:7] no space left\n```", id="another log"),
        pytest.param("```bash\n# TODO\n```", id="nothing but a comment"),
        pytest.param("```\nError: could not connect to the server\n```", id="a message"),
        pytest.param('```console\nsum(rate(http_requests_total{code="500"}[5m])) > 0\n```', id="PromQL"),
        pytest.param('```\n{\n  "status": "error"\n}\n```', id="JSON"),
    ],
)
def test_what_is_no_command(block: str) -> None:
    assert texts(block) == []


@pytest.mark.parametrize("closing", ["``", "``````", ""])
def test_a_broken_fence_ends_where_the_next_section_begins(closing: str) -> None:
    broken = f"```bash\nkubectl get pods\n{closing}"
    text = f"## Alert: A1B\n\n### Diagnosis\n\n{broken}\n\n### Mitigation\n\n```\nhelm list\n```\n"
    (alert,) = read_runbook(text)
    assert [(command.text, command.section) for command in alert.commands] == [
        ("kubectl get pods", "diagnosis"),
        ("helm list", "mitigation"),
    ]


def test_a_fence_never_closed_does_not_swallow_the_next_alert() -> None:
    text = "## Alert: DiskFull\n\n```bash\ndf -h\n\n## Alert: NodeDown\n\n```bash\nkubectl get nodes\n```\n"
    assert [(alert.name, [command.text for command in alert.commands]) for alert in read_runbook(text)] == [
        ("DiskFull", ["df -h"]),
        ("NodeDown", ["kubectl get nodes"]),
    ]


def test_an_alert_without_commands_does_not_take_those_of_the_next() -> None:
    text = "## Alert: DiskFull\n\nCall somebody.\n\n## Alert: NodeDown\n\n```\nkubectl get nodes\n```\n"
    assert [len(alert.commands) for alert in read_runbook(text)] == [0, 1]


def test_promql_that_a_person_is_to_run_is_a_query() -> None:
    text = """## Alert: DiskFull

### Diagnosis

```promql
# by node
sum by (node) (
  rate(node_disk_io_time_seconds_total[5m])
)
```

Look at `node_filesystem_avail_bytes{mountpoint="/"} < 10` as well.
"""
    assert read_runbook(text)[0].queries == [
        "sum by (node) ( rate(node_disk_io_time_seconds_total[5m]) )",
        'node_filesystem_avail_bytes{mountpoint="/"} < 10',
    ]
