"""What a runbook forbids, and what only sounds as if it did."""

import pytest

from stages.dataset.calls.remedies import Findings, find_remedies
from stages.dataset.calls.tools import read_tools
from stages.dataset.runbook.alert import Command
from stages.dataset.runbook.reader import read_runbook

A, B = "kubectl rollout restart deployment/web -n shop", "kubectl delete pod web-0 -n shop"


def commands(text: str) -> list[Command]:
    (alert,) = read_runbook(f"## Alert: DiskFull\n\n### Resolution\n\n{text}\n")
    return alert.commands


def meant(text: str) -> list[str]:
    """Returns the names of the commands that a text may teach: A and B stand for two commands."""
    found = commands(text.replace("[A]", A).replace("[B]", B))
    names = {A: "A", B: "B"}
    return [next(names[known] for known in names if known in each.text) for each in found if not each.standing]


def fence(*lines: str) -> str:
    return "\n".join(["```bash", *lines, "```"])


FORBIDDING = [
    # in its sentence, before it
    "Do not run `[A]`.",
    "Don't run `[A]` here.",
    "Don’t ever use `[A]`.",
    "Never run `[A]`.",
    "Please do not use `[A]` for this.",
    "You must not run `[A]`.",
    "You should never use `[A]` here.",
    "It is not safe to run `[A]`.",
    "It's dangerous to run `[A]` while the queue drains.",
    "It is a bad idea to run `[A]`.",
    "Avoid `[A]`.",
    "Avoid running `[A]`.",
    "Under no circumstances run `[A]`.",
    "Nobody may run `[A]`.",
    "Only the database team may run `[A]`.",
    "We used to run `[A]`, and that was wrong.",
    "The old fix was `[A]`.",
    "In the past, people ran `[A]`.",
    "There, do not blindly run `[A]`.",
    "Whatever happens, never `[A]`.",
    "We do not run `[A]` any more.",
    # in its sentence, behind it
    "`[A]` is not safe here.",
    "`[A]` makes it worse.",
    "`[A]` does not help.",
    "`[A]` won't fix this.",
    "`[A]` is deprecated.",
    "`[A]` must never be used.",
    "`[A]` should not be run here.",
    "`[A]` is no longer the right fix.",
    "Running `[A]` only hides the problem.",
    "`[A]`: never.",
    "`[A]` is reserved for the storage team.",
    # behind its sentence
    "Some run `[A]`. Do not do that.",
    "People try `[A]`. This makes things worse.",
    # marks
    "- ❌ `[A]`",
    "- 🚫 `[A]`",
    "~~`[A]`~~",
    "<del>`[A]`</del>",
    "Wrong: `[A]`",
    # what leads to a block
    f"Do NOT do this:\n\n{fence('[A]')}",
    f"Never run:\n\n{fence('[A]')}",
    f"Do **not** restart it while a migration runs. Never run this:\n\n{fence('[A]')}",
    "> [!CAUTION]\n> Do not restart the writer:\n>\n> ```bash\n> [A]\n> ```",
    f"The following is not safe:\n\n{fence('[A]')}",
    f"Do not restart the deployment.\n\n{fence('[A]')}",
    f"**Never:**\n\n{fence('[A]')}",
    f"This used to be recommended and was wrong:\n\n{fence('[A]')}",
    # behind a block
    f"{fence('[A]')}\n\nThis makes it worse.",
    f"{fence('[A]')}\n\nNever run this in production.",
    f"{fence('[A]')}\n\nThe command above is deprecated.",
    # headings and labels
    f"#### What NOT to do\n\n{fence('[A]')}",
    "#### Don'ts\n\n- `[A]`",
    f"#### Deprecated\n\n{fence('[A]')}",
    f"#### Never do this\n\n{fence('[A]')}",
    f"#### Things to avoid\n\n{fence('[A]')}",
    f"#### Old procedure\n\n{fence('[A]')}",
    # lists and tables
    "Never do any of these:\n\n- `[A]`\n- `[A]` with another name",
    "| Do | Don't |\n|---|---|\n| wait | `[A]` |",
    # comments of a block
    fence("# never do this", "[A]"),
    fence("[A]  # do not run this"),
    fence("# WRONG:", "[A]"),
    fence("# old way, makes it worse", "[A]"),
    f"<!--\n{fence('[A]')}\n-->",
]

MEANT = [
    # negations that tell how things are
    "If it does not recover, run `[A]`.",
    "If the pods do not come back, run `[A]`.",
    "When the queue has not moved for an hour, run `[A]`.",
    "Where nothing helps, `[A]` does.",
    "Pods that don't start are replaced by `[A]`.",
    "Until it is no longer firing, repeat `[A]`.",
    "If it is not safe to wait, run `[A]`.",
    "If you don't see an error, run `[A]`.",
    "As long as the pod is not ready, run `[A]`.",
    "Should it not come up, run `[A]`.",
    "The pod cannot start. Run `[A]`.",
    "It never recovers by itself. Run `[A]`.",
    "The cache is outdated: run `[A]`.",
    "Nothing was deleted. Run `[A]`.",
    "If the deprecated flag is set, run `[A]`.",
    # negations that demand
    "Don't hesitate to run `[A]`.",
    "Never forget to run `[A]`.",
    "Do not wait: run `[A]`.",
    "Don't panic, run `[A]`.",
    "Do not skip `[A]`.",
    "Run `[A]` without waiting.",
    "Do not proceed without running `[A]`.",
    "Don't be afraid to run `[A]`.",
    "Never leave without running `[A]`.",
    # the scope has ended
    "Do not touch the database. Run `[A]`.",
    "Do not reboot the node; run `[A]`.",
    "Never scale it down, but run `[A]`.",
    "Do not delete the pod, run `[A]` instead.",
    "Instead of waiting, run `[A]`.",
    "The old page was wrong. Run `[A]`.",
    "- ✅ `[A]`",
    "Run `[A]`. If that does not help, page the team.",
    "Run `[A]`; if it makes things worse, roll back.",
    "Run `[A]`, and if it does not help, escalate.",
    "It is safe to run `[A]`.",
    # blocks
    f"If it does not recover:\n\n{fence('[A]')}",
    f"Do not delete the claim. Restart it:\n\n{fence('[A]')}",
    f"{fence('[A]')}\n\nIf this does not help, escalate.",
    f"{fence('[A]')}\n\nDo not close the alert before it is green.",
    fence("# if it does not come back", "[A]"),
    fence("# never forget this one", "[A]"),
    fence("# do not run the next one", "", "[A]"),
    f"#### Pods not ready\n\n{fence('[A]')}",
    f"#### If it does not start\n\n{fence('[A]')}",
    f"#### What not to do\n\nGive up.\n\n#### Restart it\n\n{fence('[A]')}",
    "| Don't | Do |\n|---|---|\n| give up | `[A]` |",
    f"**Never:** give up.\n\n{fence('[A]')}",
]

OF_TWO = [
    ("Do not run `[A]`. Run `[B]`.", ["B"]),
    ("Run `[B]` instead of `[A]`.", ["B"]),
    ("Instead of `[A]`, run `[B]`.", ["B"]),
    ("Run `[B]`, not `[A]`.", ["B"]),
    ("Run `[B]` rather than `[A]`.", ["B"]),
    ("Do not run `[A]`; run `[B]`.", ["B"]),
    ("Never run `[A]`, but `[B]`.", ["B"]),
    ("Do not run `[A]` or `[B]`.", []),
    ("`[A]` makes it worse, `[B]` helps.", ["B"]),
    ("- ❌ `[A]`\n- ✅ `[B]`", ["B"]),
    ("| Wrong | Right |\n|---|---|\n| `[A]` | `[B]` |", ["B"]),
    (f"Never run:\n\n{fence('[A]')}\n\nDelete the stuck worker instead:\n\n{fence('[B]')}", ["B"]),
    (f"#### What NOT to do\n\n{fence('[A]')}\n\n#### What to do\n\n{fence('[B]')}", ["B"]),
    (fence("# never do this", "[A]", "", "# do this", "[B]"), ["B"]),
    (fence("[A]  # makes it worse", "[B]"), ["B"]),
    (f"Run this:\n\n{fence('[B]')}\n\nNever this:\n\n{fence('[A]')}", ["B"]),
]


@pytest.mark.parametrize("text", FORBIDDING)
def test_what_is_forbidden_is_never_meant(text: str) -> None:
    assert meant(text) == []


@pytest.mark.parametrize("text", MEANT)
def test_a_negation_that_does_not_forbid_leaves_a_command_as_it_is(text: str) -> None:
    assert meant(text) == ["A"]


@pytest.mark.parametrize(("text", "expected"), OF_TWO)
def test_words_reach_no_further_than_their_clause_their_block_or_their_section(text: str, expected: list[str]) -> None:
    assert meant(text) == expected


def test_the_words_that_decided_are_told_with_their_line() -> None:
    (command,) = commands(f"Never run:\n\n{fence(A)}")
    assert (command.standing.kind, command.standing.words, command.standing.line) == ("forbidden", "Never", 5)
    (command,) = commands(f"Look:\n\n{fence('# a comment', '# never do this', A)}")
    assert (command.standing.words, command.standing.line) == ("never", 9)
    (command,) = commands(f"As a last resort, run `{A}`.")
    assert (command.standing.kind, command.standing.words) == ("doubtful", "last resort")


TOOLS = """
functions:
  - name: restart
    description: Restart a deployment.
    parameters:
      properties:
        name: {type: string, description: Deployment}
        namespace: {type: string, description: Its namespace}
      required: [name, namespace]
    commands: ["kubectl rollout restart deployment/{name} -n {namespace}"]
"""


def taught(text: str) -> Findings:
    alerts = read_runbook(f"## Alert: DiskFull\n\n### Resolution\n\n{text}\n")
    return find_remedies(alerts, read_tools(TOOLS, "tools.yaml"))


def test_what_is_forbidden_teaches_that_no_call_is_due() -> None:
    (skipped,) = taught(f"Look at its log.\n\nNever run:\n\n{fence(A)}").skipped
    assert (skipped.kind, skipped.reason) == ("no call", "line 10 is forbidden by 'Never' in line 7")


def test_what_is_in_doubt_teaches_nothing_and_the_author_is_asked() -> None:
    (skipped,) = taught(f"As a last resort, run `{A}`.").skipped
    assert skipped.kind == "mistake"
    assert skipped.reason.startswith(
        "line 5: 'last resort' in line 5 leaves in doubt whether it is to be run; say so in"
    )


def test_what_is_forbidden_first_does_not_hide_the_remedy_behind_it() -> None:
    (remedy,) = taught(
        f"Never run:\n\n{fence(A)}\n\nRestart the other one:\n\n{fence(A.replace('web', 'api'))}"
    ).remedies
    assert (remedy.arguments, remedy.place) == ({"name": "api", "namespace": "shop"}, "line 14")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"<!-- stale, must not be executed -->\n{fence('[A]')}\n\n{fence('[B]')}", ["B"]),
        (f"<!-- please don't rename this section -->\n{fence('[A]')}", ["A"]),
        ("- `[A]` <!-- kept as a warning, do not run -->\n- `[B]` <!-- this is the fix -->", ["B"]),
        (f"<!-- draft, do not follow -->\n\n{fence('[A]')}\n\n<!-- end of draft -->\n\n{fence('[B]')}", ["B"]),
        (f"<s>\n\n{fence('[A]')}\n\n</s>\n\n{fence('[B]')}", ["B"]),
        (f"<del>Never run this on Fridays.</del>\n\n{fence('[A]')}", ["A"]),
        ("| | Command |\n|---|---|\n| ❌ | `[A]` |\n| ✅ | `[B]` |", ["B"]),
        ("| Helps | Hurts |\n|---|---|\n| `[A]` | `[B]` |", ["A"]),
        ("| Command | When |\n|---|---|\n| `[A]` | never |\n| `[B]` | if it hangs |", ["B"]),
        ("❌ No leader elected → run `[A]`", ["A"]),
        (fence("[A]", "[B]  # wrong cluster!"), ["A"]),
        (fence('[A]  # prints "obsolete option", ignore that'), ["A"]),
        (f"{fence('[A]')}\n\n{fence('[B]')}\n\nUse the second one. The first loses messages.", ["B"]),
        (f"#### Common mistakes\n\n{fence('[A]')}\n\n#### Fix\n\n{fence('[B]')}", ["B"]),
        (f"Not our job:\n\n- `[A]`\n\nRun this:\n\n{fence('[B]')}", ["B"]),
        ("Run `[A]` without mercy. Don't reboot it.", ["A"]),
        ("Let the DBA run `[A]`. Run `[B]`.", ["B"]),
        ("Everybody on call runs `[A]`.", ["A"]),
    ],
)
def test_what_stands_beside_a_command_in_any_form_counts_for_it(text: str, expected: list[str]) -> None:
    assert meant(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "### Explicitly not approved\n\n```\n[A]\n```",
        "None of this is ours to run:\n\n```\n[A]\n```",
        "The forced variant is therefore ruled out:\n\n```\n[A]\n```",
        "By no means, `[A]`.",
    ],
)
def test_a_judgement_that_no_other_rule_explains_leaves_a_command_in_doubt(text: str) -> None:
    assert meant(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "The pods run an outdated image:\n\n```\n[A]\n```",
        "Nothing is dangerous about it, so run this:\n\n```\n[A]\n```",
        "The old key is not trusted any more. Replace it:\n\n```\n[A]\n```",
        "### Requests are rejected\n\nRun `[A]`.",
    ],
)
def test_a_state_of_things_and_an_order_are_no_judgement(text: str) -> None:
    assert meant(text) == ["A"]


@pytest.mark.parametrize(
    "words",
    [
        "Only the storage crew is allowed to run {it}.",
        "Have the DBAs run {it}.",
        "{It} may only be run by the DBAs.",
        "{It} stays with the storage team.",
        "{It} requires a DBA.",
        "Never run {it} without the consent of the DBAs.",
        "{It} used to be the fix, but no longer is.",
        "{It} was once the recommended step.",
        "Until last year, {it} was the way to go.",
        "{It} belongs to the past.",
        "{It} is of no use here.",
        "{It} merely postpones the problem.",
        "Don't waste your time on {it}.",
        "Do not expect {it} to help.",
        "{It} did more harm than good.",
        "Last time {it} took the site down.",
        "You are asked not to run {it}.",
        "Be careful not to run {it}.",
        "Think carefully before you run {it}.",
        "It is no use running {it}.",
        "Juniors often run {it}.",
        "We do not know what {it} does.",
        "{It} has not been approved.",
        "Everything except {it} is fine.",
        "Keep your hands off {it}.",
        "On no account run {it}.",
    ],
)
def test_a_prohibition_is_heard_of_a_name_and_of_a_word_that_points_at_it(words: str) -> None:
    named = words.replace("{it}", "`[A]`").replace("{It}", "`[A]`")
    pointed = words.replace("{it}", "this").replace("{It}", "This")
    assert meant(named) == []
    assert meant(f"{fence('[A]')}\n\n{pointed}") == []
    assert meant(fence(f"# {pointed}", "[A]")) == []
    assert meant(f"{pointed.rstrip('.')}:\n\n{fence('[A]')}") == []


@pytest.mark.parametrize(
    "words",
    [
        "It isn't wrong to run {it}.",
        "It would be wrong not to run {it}.",
        "There is no reason not to run {it}.",
        "Nobody needs to be asked before you run {it}.",
        "{It} no longer requires a ticket.",
        "{It} has never failed us.",
        "You can't do anything wrong with {it}.",
        "Nothing else than {it} helps.",
        "Without {it}, the queue never drains.",
        "You cannot get around {it}.",
        "{It} does not touch the volume.",
        "{It} brings the lag down.",
    ],
)
def test_a_negation_that_takes_back_a_judgement_forbids_nothing(words: str) -> None:
    pointed = words.replace("{it}", "this").replace("{It}", "This")
    assert meant(f"{fence('[A]')}\n\n{pointed}") == ["A"]
    assert meant(fence(f"# {pointed}", "[A]")) == ["A"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Replace `[A]` by `[B]`.", ["B"]),
        ("We moved from `[A]` to `[B]`.", ["B"]),
        ("`[A]` gave way to `[B]`.", ["B"]),
        ("`[B]` is preferable to `[A]`.", ["B"]),
        ("Run `[B]` without running `[A]`.", ["B"]),
        ("Run `[A]`. Never run it on more than one node at a time.", ["A"]),
        ("Run `[A]`, but not as root.", ["A"]),
        ("Run `[A]`. If this fails, do not try again.", ["A"]),
        ('Run `[A]`. It will say "not a leader". That is not an error.', ["A"]),
        ("`[A]` warns that the operation is unsafe; ignore that.", ["A"]),
        ("Mark the block as bad with `[A]`.", ["A"]),
        ("A stale lock is removed with `[A]`.", ["A"]),
        ("Use `[A]` instead of calling the provider, they do not answer at night.", ["A"]),
        ("`[A]` clears the alert but not its cause.", []),
        ("The alert comes back within minutes after `[A]`.", []),
    ],
)
def test_what_replaces_a_command_and_how_it_is_run_is_told_apart_from_whether(text: str, expected: list[str]) -> None:
    assert meant(text) == expected
