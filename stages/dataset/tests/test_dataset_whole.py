"""A command is read whole or not at all: over lines, in here-documents and sessions, and in chains."""

import textwrap
import time

import pytest

from stages.dataset.calls.commands import is_in, match
from stages.dataset.calls.placeholders import fill
from stages.dataset.calls.tools import read_tools
from stages.dataset.runbook.__main__ import as_json
from stages.dataset.runbook.alert import Alert
from stages.dataset.runbook.commands.danger import effect
from stages.dataset.runbook.reader import read_runbook

TOOLS = read_tools(
    textwrap.dedent("""
    functions:
      - name: restart
        description: Restart a workload.
        parameters:
          properties: {name: {type: string}, namespace: {type: string}}
        commands: ["kubectl rollout restart deployment/{name} -n {namespace}"]
      - name: bounce
        description: Restart a unit.
        parameters: {properties: {unit: {type: string}}}
        commands: ["systemctl restart {unit}"]
      - name: flush
        description: Flush a cache.
        parameters: {properties: {name: {type: string}}}
        commands: ["cachectl flush {name}", "sudo cachectl wipe {name}"]
      - name: logs
        description: Show a log.
        parameters: {properties: {pod: {type: string}}}
        commands: ["kubectl logs {pod}"]
    """),
    "tools.yaml",
)
R = "kubectl rollout restart deploy/api -n shop"


def alert(markdown: str) -> Alert:
    (found,) = read_runbook("## Alert: ApiDown\n\n### Mitigation\n\n" + textwrap.dedent(markdown).lstrip("\n"))
    return found


def fence(*lines: str, info: str = "bash") -> Alert:
    return alert("\n".join([f"```{info}", *lines, "```\n"]))


def texts(found: Alert) -> list[str]:
    return [command.text for command in found.commands]


def unread(found: Alert) -> list[tuple[int, str]]:
    """Returns the line, counted from the block's first, and the reason of each command that is not read."""
    return [(cut.line - 5, cut.reason) for cut in found.unread]


def call(script: str) -> str:
    """Returns the call that a command stands for, with each placeholder in brackets; '' where it stands for none."""
    for function in TOOLS.functions:
        if (arguments := match(script, function)) is not None:
            shown = (fill(str(value), lambda known: f"[{known.name}]") for value in arguments.values())
            return f"{function.name}({', '.join(shown)})"
    return ""


def last_call(*lines: str) -> str:
    return call(fence(*lines).commands[-1].script)


@pytest.mark.parametrize(
    "lines",
    [
        ["NS=shop; kubectl -n $NS rollout restart deploy/api"],
        ["NS=shop APP=api; kubectl -n $NS rollout restart deploy/$APP"],
        ["export NS=shop && kubectl -n $NS rollout restart deploy/api"],
        ["export NS=shop APP=api; kubectl -n ${NS} rollout restart deploy/${APP}"],
        ["NS=shop", "kubectl -n $NS rollout restart deploy/api"],
        ["export NS='shop'", 'APP="api"', "", "# now", 'kubectl -n "$NS" rollout restart "deploy/$APP"'],
        ["NS=shop  # the shop's", "kubectl -n $NS rollout restart deploy/api && kubectl -n $NS get pods"],
        ["SUFFIX=pi", "APP=a$SUFFIX", "kubectl -n shop rollout restart deploy/$APP"],
        ["NS=blog", "NS=shop", "kubectl -n $NS rollout restart deploy/api"],
        ["declare -r NS=shop", "kubectl -n $NS rollout restart deploy/api"],
        ["cd /srv && NS=shop; kubectl -n $NS rollout restart deploy/api"],
    ],
)
def test_a_variable_is_the_constant_that_it_is_set_to(lines: list[str]) -> None:
    assert last_call(*lines) == "restart(api, shop)"


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["APP=<app>", "kubectl -n shop rollout restart deploy/$APP"], "[app]"),
        (["APP=<the app>", "kubectl -n shop rollout restart deploy/$APP"], "[the_app]"),
        (["APP={{ $labels.app }}; kubectl -n shop rollout restart deploy/$APP"], "[app]"),
        (['APP="{{ $labels.app }}"', 'kubectl -n shop rollout restart "deploy/$APP"'], "[app]"),
        (["APP=$OTHER", "kubectl -n shop rollout restart deploy/$APP"], "[OTHER]"),
        (["APP=$(kubectl get deploy -n shop -o name)", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["APP=`cat app`; kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["APP=${1:-api}", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["APP=", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["APP=...", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["APP=api", "read -r APP", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["APP=api", "unset APP", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (['[ -z "$APP" ] && APP=api', "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["APP=api", "if true; then", "APP=web", "fi", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["APP=api", "for APP in a b; do ls; done", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
        (["OTHER=api", "kubectl -n shop rollout restart deploy/$APP"], "[APP]"),
    ],
)
def test_a_variable_that_no_constant_is_set_to_stays_a_placeholder(lines: list[str], name: str) -> None:
    assert last_call(*lines) == f"restart({name}, shop)"


@pytest.mark.parametrize(
    "lines",
    [
        ["APP='api web'", "kubectl -n shop rollout restart deploy/$APP"],
        ["APP='api; reboot'", "kubectl -n shop rollout restart deploy/$APP"],
        ["APP=(api web)", "kubectl -n shop rollout restart deploy/${APP[0]}"],
    ],
)
def test_a_constant_that_cannot_stand_in_a_command_is_not_put_there(lines: list[str]) -> None:
    assert last_call(*lines) == ""


def test_a_constant_does_not_reach_into_single_quotes_or_other_blocks() -> None:
    assert call("APP=api; cachectl flush '$APP'") == "flush([APP])"
    found = alert("```sh\nNS=shop\n```\n\n```sh\nkubectl -n $NS rollout restart deploy/api\n```\n")
    assert call(found.commands[-1].script) == "restart(api, [NS])"


def test_what_is_shown_of_a_command_is_what_the_runbook_says() -> None:
    found = fence("NS=shop", "kubectl -n $NS rollout restart deploy/api")
    assert [(each.text, each.line) for each in found.commands][-1] == ("kubectl -n $NS rollout restart deploy/api", 7)


@pytest.mark.parametrize(
    "prefix",
    [
        *(
            "sudo",
            "sudo -u ops",
            "sudo -E",
            "sudo -iu ops",
            "time",
            "nohup",
            "env A=b",
            "env -u X A=b",
            "KUBECONFIG=/x",
        ),
        *("AWS_PROFILE=prod REGION=eu", 'OPTS="-v -x"', "timeout 30s", "timeout -k 5 30", "nice -n 10", "command"),
        *("sudo KUBECONFIG=/x", "sudo timeout 10", "doas", "exec", "sudo -n --"),
    ],
)
def test_what_stands_before_the_program_does_not_hide_it(prefix: str) -> None:
    assert call(f"{prefix} {R}") == "restart(api, shop)"


def test_a_form_may_ask_for_what_stands_before_the_program() -> None:
    assert call("sudo cachectl wipe web") == "flush(web)"
    assert call("cachectl wipe web") == ""


LOOKING_CHAINS = [
    "[R] && kubectl rollout status deploy/api -n shop",
    "[R]; kubectl rollout status deploy/api -n shop --timeout=90s",
    "[R] && kubectl -n shop get pods -w",
    "cd /srv/shop && [R]",
    "kubectl get pods -n shop; [R]",
    "kubectl describe deploy/api -n shop && [R] && kubectl get events -n shop",
    "[R] | tee log",
    "[R] 2>&1 | tee -a /tmp/restart.log",
    "[R] || echo failed",
    "[R] || exit 1",
    "[R] && sleep 30 && kubectl get pods -n shop",
    "set -euo pipefail; [R]",
    'echo "restarting; please wait" && [R]',
    "echo 'restarting' ; [R] ; echo done",
    "date; [R]; date",
    "[R] > /tmp/out",
    "[R] >log 2>&1",
    "[R] 2>/dev/null",
    "[R] &>/dev/null",
    "[R] &",
    "[R] & wait",
    "kubectl get pods -n shop -o wide > /tmp/before.txt; [R]",
    "kubectl config use-context prod && [R]",
    "kubectl get pods -n shop | grep api | awk '{print $1}'; [R]",
    "kubectl get pod $(kubectl get pods -n shop -o name | head -1) -n shop; [R]",
    "kubectl exec web-0 -n shop -- redis-cli info; [R]",
    "kubectl get pods -o name | xargs -n1 kubectl describe; [R]",
    "curl -s http://api.shop/health; [R]",
    "source ./env.sh && [R]",
    "gcloud container clusters get-credentials prod && [R]",
    "aws eks update-kubeconfig --name prod && [R]",
    "helm history api -n shop && [R]",
    "psql -c 'SELECT 1' ; [R]",
    "[R]\nkubectl get pods -n shop",
    "[R]; # it takes a minute; then\nkubectl get pods -n shop",
    "systemctl status kubelet --no-pager; [R]",
    "[R] &&\n\n  kubectl get pods",
    "kubectl port-forward svc/x 80:80 & sleep 2; [R]",
    "[R];",
    "sudo journalctl -u api -n 50 | tail -20; [R]",
]
OTHER_CHAINS = [
    "[R] && kubectl delete pod x -n shop",
    "[R] && [R]",
    "[R]; kubectl rollout restart deploy/web -n shop",
    "kubectl get pods -n shop -o name | xargs kubectl delete; [R]",
    "[R] -o yaml | kubectl apply -f -",
    "[R] | sh",
    "[R] | xargs kubectl delete",
    "[R] && ./notify.sh",
    "unknownctl sync; [R]",
    "kubectl get deploy api -n shop || [R]",
    "curl -f http://api || sleep 3 && [R]",
    "test -f /tmp/down && [R]",
    '[ -n "$FORCE" ] && [R]',
    "kubectl get pods | grep -q Crash && [R]",
    "yes | [R]",
    "echo y | [R]",
    "! [R]",
    "if true; then [R]; fi",
    "for a in 1 2; do [R]; done",
    "while true; do [R]; done",
    "([R])",
    "[R] < answers",
    "[R] > /etc/motd",
    "echo 1 > /proc/sys/vm/drop_caches; [R]",
    "kubectl get cm -o yaml > /etc/kubernetes/manifests/x.yaml && [R]",
    "kubectl get secret $(kubectl delete pod x -o name); [R]",
    "[R] -l app=$(cat app)",
    "kubectl exec web-0 -- rm -rf /tmp/x; [R]",
    "ssh node1 reboot; [R]",
    "[R] && cat <<EOF\nx\nEOF",
    "kubectl apply -f fix.yaml && [R]",
    "find /var/log -name '*.gz' -delete; [R]",
    "sed -i s/a/b/ file && [R]",
    "curl -X POST http://api/pause && [R]",
    "helm upgrade api ./chart; [R]",
    "watch [R]",
    "[R] &&",
    "&& [R]",
    "[R] |",
    "bash -c '[R]'",
]


@pytest.mark.parametrize("chain", LOOKING_CHAINS)
def test_a_chain_whose_rest_only_looks_is_its_one_change(chain: str) -> None:
    assert call(chain.replace("[R]", R)) == "restart(api, shop)"


@pytest.mark.parametrize("chain", OTHER_CHAINS)
def test_a_chain_that_may_change_more_or_not_at_all_is_another_command(chain: str) -> None:
    assert call(chain.replace("[R]", R)) == ""


@pytest.mark.parametrize("chain", OTHER_CHAINS)
def test_a_chain_that_stands_for_none_may_still_hold_a_function_s_command(chain: str) -> None:
    held = [function.name for function in TOOLS.functions if is_in(chain.replace("[R]", R), function)]
    is_another = " -l " in chain or " -o yaml | " in chain or "bash -c" in chain
    assert held == ([] if is_another else ["restart"])


def test_a_chain_that_only_looks_is_what_it_looks_at() -> None:
    assert call("cd /srv && kubectl logs web-0 | tail -n 50") == "logs(web-0)"
    assert call("kubectl logs web-0 2>&1 | grep -i error | head") == "logs(web-0)"
    assert call("kubectl get pods; kubectl logs web-0") == ""


@pytest.mark.parametrize(
    "place", ["```sh\n{}\n```\n", "Run `{}`.\n", "- `{}`\n", "```console\n$ {}\nok\n```\n", "Run:\n\n    {}\n"]
)
def test_a_chain_is_found_wherever_it_stands(place: str) -> None:
    for chain in (f"{R} && kubectl rollout status deploy/api -n shop", f"NS=shop; {R.replace('shop', '$NS')}"):
        found = alert(place.format(chain))
        assert [call(command.script) for command in found.commands] == ["restart(api, shop)"]


WRAPPED = [
    (["kubectl rollout restart deploy/api", "  -n shop"], [R]),
    (["kubectl rollout restart deploy/api", "-n shop"], [R]),
    (["kubectl rollout restart", "  deploy/api", "  -n shop"], [R]),
    (["kubectl rollout restart", "    deploy/api -n shop"], [R]),
    (
        ["kubectl rollout restart deploy", "    api", "    --namespace=shop"],
        ["kubectl rollout restart deploy api --namespace=shop"],
    ),
    (["kubectl -n shop delete pod", "   <pod>"], ["kubectl -n shop delete pod <pod>"]),
    (["kubectl -n", "  shop get pods"], ["kubectl -n shop get pods"]),
    (["kubectl get pods -n shop |", "  grep api"], ["kubectl get pods -n shop | grep api"]),
    (["kubectl get pods -n shop |", "", "grep api"], ["kubectl get pods -n shop | grep api"]),
    (["kubectl get pods -n shop", "  | grep api"], ["kubectl get pods -n shop | grep api"]),
    (["cd /srv &&", "make restart"], ["cd /srv && make restart"]),
    (["make restart ||", "# if it fails", "echo no"], ["make restart || echo no"]),
    (["kubectl exec web-0 -n shop --", "  redis-cli info"], ["kubectl exec web-0 -n shop -- redis-cli info"]),
    (
        ["kubectl patch deploy api -p '{", '  "a": 1', "}'", "  -n shop"],
        ["kubectl patch deploy api -p '{\n  \"a\": 1\n}' -n shop"],
    ),
    (["POD=$(kubectl get pods \\", "  -o name)"], ["POD=$(kubectl get pods -o name)"]),
    (["kubectl get pods -o custom-columns=A:.a,\\", "B:.b"], ["kubectl get pods -o custom-columns=A:.a,B:.b"]),
    (["systemctl restart", "  nginx"], ["systemctl restart nginx"]),
    (["cachectl flush", "  web"], ["cachectl flush web"]),
    (["kubectl get pods `", "  -n shop"], ["kubectl get pods -n shop"]),
    (["kubectl get pods ^", "  -n shop"], ["kubectl get pods -n shop"]),
    (["cat <<EOF \\", "| kubectl apply -f -", "a: 1", "EOF"], ["cat <<EOF | kubectl apply -f -\na: 1\nEOF"]),
    (["cat <<EOF |", "a: 1", "EOF", "kubectl apply -f -"], ["cat <<EOF |\na: 1\nEOF\nkubectl apply -f -"]),
]


@pytest.mark.parametrize(("lines", "expected"), WRAPPED)
def test_a_wrapped_line_is_joined(lines: list[str], expected: list[str]) -> None:
    found = fence(*lines)
    assert (texts(found), found.unread) == (expected, [])


@pytest.mark.parametrize("lines", [lines for lines, _ in WRAPPED[:4]])
def test_a_wrapped_line_is_joined_in_indented_code_and_without_a_language(lines: list[str]) -> None:
    assert texts(alert("Run:\n\n" + "\n".join(f"    {line}" for line in lines) + "\n")) == [R]
    assert texts(fence(*lines, info="")) == [R]


@pytest.mark.parametrize(
    "output",
    [
        ["deployment.apps/api restarted"],
        ["  deployment.apps/api restarted"],
        ["NAME   READY", "api    1/1"],
        ["  NAME   READY", "  api    1/1"],
        ["  api", "  web"],
        ["-rw-r--r-- 1 root root 12 Jan 1 a"],
        ["  -n, --namespace string   the namespace"],
        ["  --all        Select all of them"],
        ["- one", "- two"],
        ["| a | b |", "| c | d |"],
        ["  | a | b |"],
        ["2024-01-02T03:04:05Z ready"],
        ["  Warning: it is slow"],
        ["", "  -n shop"],
    ],
)
def test_output_below_a_command_is_not_joined(output: list[str]) -> None:
    assert texts(fence(R, *output, info="")) == [R]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("<<EOF", "EOF"),
        ("<< EOF", "EOF"),
        ("<<'EOF'", "EOF"),
        ('<<"END OF IT"', "END OF IT"),
        ("<<\\EOF", "EOF"),
        ("<<-EOF", "\tEOF"),
        ("<<-'E-1'", "  E-1"),
        ("<<!", "!"),
        ("<<EOF | kubectl apply -f -", "EOF"),
        ("<<EOF > /tmp/x && echo done", "EOF"),
    ],
)
@pytest.mark.parametrize("count", [1, 79, 81, 5_000])
def test_the_body_of_a_here_document_holds_no_commands(start: str, end: str, count: int) -> None:
    body = ["kubectl delete pod x", "$ kubectl delete node y", "", "# it's", "> kubectl drain z"]
    found = fence(f"cat {start}", *(body * count)[:count], end, "kubectl get pods")
    assert [command.line - 5 for command in found.commands] == [1, count + 3]
    assert texts(found)[1] == "kubectl get pods"
    assert found.unread == []


def test_two_here_documents_in_one_line_and_one_in_a_loop() -> None:
    found = fence("diff <(cat <<A) - <<B", "kubectl delete pod a", "A", "kubectl delete pod b", "B", "ls -l")
    assert [command.line - 5 for command in found.commands] == [1, 6]
    found = fence("for a in b; do", "cat <<E", "done", "kubectl delete pod a", "E", "done", "ls -l")
    assert [command.line - 5 for command in found.commands] == [1, 7]


@pytest.mark.parametrize(
    "line", ["cat <<EOF", "$ cat <<EOF", "for a in b; do cat <<EOF", "mytool --apply <<-'EOF' | sh"]
)
def test_a_here_document_that_never_ends_is_told_and_its_body_is_not_read(line: str) -> None:
    found = (
        fence("ls -l", line, "kubectl delete pod x", "", "$ kubectl delete pod y", "EOF2")
        if "$" not in line
        else fence("$ ls -l", line, "kubectl delete pod x", "", "$ kubectl delete pod y")
    )
    assert texts(found) == ["ls -l"]
    assert unread(found) == [(2, "its here-document never ends with EOF")]


def test_double_angles_around_a_name_are_a_placeholder() -> None:
    assert texts(fence("kubectl delete pod <<pod>>", "kubectl get pods")) == [
        "kubectl delete pod <<pod>>",
        "kubectl get pods",
    ]


@pytest.mark.parametrize(
    "prompt",
    [
        *(
            "$ ",
            "# ",
            "> ",
            "user@host:~$ ",
            "PS C:\\> ",
            "PS C:\\Users\\me> ",
            "[root@x ~]# ",
            "root@x:/# ",
            "❯ ",
            "% ",
        ),
        *(
            "bash-5.1$ ",
            "sh-4.4# ",
            "/ # ",
            "~ $ ",
            "/app $ ",
            "(venv) $ ",
            "(prod) user@host:~/x$ ",
            "C:\\> ",
            "PS> ",
            "user@host ~ % ",
        ),
    ],
)
def test_a_session_s_commands_stand_behind_its_prompt(prompt: str) -> None:
    lines = [
        f"{prompt}kubectl get pods -n shop",
        "NAME   READY",
        "api    0/1",
        f"{prompt}kubectl logs api -n shop",
        "it's over (",
    ]
    found = fence(*lines, info="console")
    assert (texts(found), found.unread) == (["kubectl get pods -n shop", "kubectl logs api -n shop"], [])


def test_a_session_shows_how_a_command_goes_on() -> None:
    lines = ["$ kubectl apply -f - <<EOF", "> a: b", "> EOF", "ok", "$ for a in b; do", ">  ls -l", "> done", "$ ls -l"]
    assert texts(fence(*lines, info="console")) == [
        "kubectl apply -f - <<EOF\na: b\nEOF",
        "for a in b; do\n ls -l\ndone",
        "ls -l",
    ]


def test_a_prompt_ends_what_stands_open_before_it() -> None:
    found = fence("$ kubectl patch pod x -p '{", "$ kubectl get pods", "ok", info="console")
    assert texts(found) == ["kubectl get pods"]
    assert unread(found) == [(1, "the quote ' is never closed")]


CUT = [
    (["kubectl annotate pod x note='never", "kubectl delete pod y"], "the quote ' is never closed"),
    (['kubectl patch pod x -p "{', "kubectl delete pod y"], 'the quote " is never closed'),
    (["ssh node1 '", "kubectl delete pod y", "", "kubectl delete pod z"], "the quote ' is never closed"),
    (["kubectl logs $(kubectl get pods -o name", "kubectl delete pod y"], "the bracket $( is never closed"),
    (["X=$(", "kubectl delete pod y"], "the bracket $( is never closed"),
    (["kubectl logs `kubectl get pods", "kubectl delete pod y"], "the ` is never closed"),
    (["for p in a b; do", "kubectl delete pod $p"], "for has no done"),
    (["while true; do", "kubectl delete pod y"], "while has no done"),
    (["if kubectl get pod x; then", "kubectl delete pod y"], "if has no fi"),
    (["case $X in", "a) kubectl delete pod y;;"], "case has no esac"),
    (["cleanup() {", "kubectl delete pod y"], "the bracket { is never closed"),
    (["kubectl get pods |"], "it ends with an operator, and nothing follows"),
    (["kubectl get pods &&", ""], "it ends with an operator, and nothing follows"),
    (["kubectl scale deploy (api or web"], "the bracket ( is never closed"),
    (["echo it's broken"], "the quote ' is never closed"),
]


@pytest.mark.parametrize(("lines", "reason"), CUT)
def test_what_cannot_be_read_whole_is_told_and_is_no_command(lines: list[str], reason: str) -> None:
    found = fence(*lines)
    assert (texts(found), unread(found)) == ([], [(1, reason)])
    assert as_json(found)["unread"] == [{"line": 6, "text": lines[0], "reason": reason}]


@pytest.mark.parametrize("mark", ["`", "```"])
def test_a_backtick_that_markdown_left_at_the_end_of_a_line_is_no_part_of_it(mark: str) -> None:
    found = fence(f"df -h /srv{mark}", f"ls -l 'a b'{mark}", "X=`", "date", "`", "ls -a")
    assert texts(found) == ["df -h /srv", "ls -l 'a b'", "X=`\ndate\n`", "ls -a"]


def test_inline_code_that_is_cut_off_is_told() -> None:
    found = alert("Run `kubectl patch pod x -p '{` and look.\n")
    assert (texts(found), [(cut.line, cut.reason) for cut in found.unread]) == (
        [],
        [(5, "the quote ' is never closed")],
    )


def test_a_quote_forgotten_at_the_end_of_its_line_costs_its_paragraph() -> None:
    found = fence("kubectl get pods -o jsonpath='{.items", "kubectl get nodes", "", "kubectl get events")
    assert (texts(found), unread(found)) == (["kubectl get events"], [(1, "the quote ' is never closed")])


def test_what_is_shown_of_an_unread_command_is_short() -> None:
    (cut,) = fence("kubectl annotate pod x note='" + "a" * 200).unread
    assert (len(cut.text), cut.text[:20]) == (80, "kubectl annotate pod")


def test_a_line_that_is_too_long_is_no_command() -> None:
    found = fence("kubectl delete pod " + "a" * 1_000_000, "ls -l")
    assert (texts(found), unread(found)) == (["ls -l"], [(1, "a line of it has 10000 characters or more")])


@pytest.mark.parametrize("info", ["", "bash", "console", "text"])
@pytest.mark.parametrize(
    "line",
    [
        "It's the disk that isn't there",
        "the pod can't be scheduled",
        "E0102 03:04:05.6 1 main.go:7] couldn't (re)start",
        "2024-01-02T03:04:05Z ERROR can't open the file (denied",
        "panic: it's nil",
        "Error: couldn't find key \"a",
        "top shows it's busy",
        "  message: won't start",
        'level=info msg="starting',
    ],
)
def test_prose_and_logs_with_an_apostrophe_are_neither_read_nor_told(info: str, line: str) -> None:
    found = fence(line, "kubectl get pods -n shop", info=info)
    assert (texts(found), found.unread) == (["kubectl get pods -n shop"], [])


LONG = {
    "continuations": ("kubectl x \\\n", ""),
    "prompts": ("$ ls \\\n", ""),
    "an open quote": ("kubectl delete pod x\n", "kubectl x 'a\n"),
    "an open bracket": ("kubectl delete pod x\n", "kubectl x $(\n"),
    "an open here-document": ("kubectl delete pod x\n", "cat <<EOF\n"),
    "here-documents": ("cat <<EOF\n", ""),
    "brackets": ("x $(\n", ""),
    "loops": ("for a in b; do\n", ""),
    "flags": ("  --a b\n", "kubectl x\n"),
    "arguments": ("  web\n", "kubectl delete\n"),
    "pipes": ("ls -l |\n", ""),
    "assignments": ("A=b\n", ""),
    "apostrophes": ("echo it's\n", ""),
    "one line": ("-a ", "kubectl "),
    "one line of quotes": ("'a", "kubectl "),
    "one line of brackets": ("$(", "X="),
}


def seconds(text: str) -> float:
    start = time.process_time()
    read_runbook(text, "PodDown.md")
    return time.process_time() - start


@pytest.mark.parametrize("name", LONG)
def test_time_grows_with_the_text_and_no_faster(name: str) -> None:
    piece, start = LONG[name]
    for _ in range(5):
        short, long = (seconds("# PodDown\n\n## Fix\n\n```\n" + start + piece * count) for count in (2_000, 8_000))
        if long < max(8 * short, 0.2):
            return
    pytest.fail(f"{short:.3f} s became {long:.3f} s")


@pytest.mark.parametrize(
    "words", ["kubectl " + "-a " * 60, "ssh a " * 900, "xargs " * 900, "python -c " * 900, "X=" + "$()" * 60]
)
def test_what_a_command_does_is_soon_told(words: str) -> None:
    start = time.process_time()
    effect(f"{words};x")
    assert time.process_time() - start < 1
