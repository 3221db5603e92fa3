"""Judgements wherever they stand near a command, and words that only sound like one."""

import time

import pytest

from stages.dataset.runbook.wording.lexicon import spans_of
from stages.dataset.runbook.wording.phrases import plainly
from stages.dataset.tests.test_dataset_standing import commands, fence, meant

AGAINST = [
    # labels, columns and remarks
    f"#### 3.2 Actions no longer valid\n\n{fence('[A]')}",
    f"#### c) Annulled instructions\n\n{fence('[A]')}",
    "| Command | Note |\n|---|---|\n| `[A]` | ~~step 2~~ withdrawn, because it dropped mail |",
    "| Sign | What newcomers try |\n|---|---|\n| mail waits | `[A]` |",
    "| Sign | Blunders commonly made |\n|---|---|\n| mail waits | `[A]` |",
    f"Not for live systems. Rehearsals only.\n\n{fence('[A]')}",
    f"This is how a hiccup turned into an outage:\n\n{fence('[A]')}",
    fence("[A]  # haha, no"),
    # what is said of all that stands in a part of the page
    f"<!-- whatever stands below this heading is obsolete and must not be followed -->\n\n{fence('[A]')}",
    f"{fence('[A]')}\n\nThe above is to be treated as withdrawn.",
    f"{fence('[A]')}\n\nThe above is null and void.",
    # `used to` after a negation is no habit
    "`[A]` must never be used to shorten a page.",
    "`[A]` worked in the days of the single broker; with three of them it loses the offsets.",
    "`[A]` lies outside the responsibility of the duty desk.",
    # a judgement that stands in no sentence with the command
    f"{fence('[A]')}\n\nSo far nobody can say what this does with two writers. Until that is known it stays "
    "off limits.",
    f"{fence('[A]')}\n\nPlease forget that you have read this. It predates the new relay and breaks it.",
    f"{fence('[A]')}\n\nAllowed? Not since the season started.",
    f"{fence('[A]')}\n\nDo not type it, do not paste it. It stands here so that you recognise it in the audit log.",
    f"Here is what we regret to have had on this page:\n\n{fence('[A]')}",
    "`[A]` was proposed in the last retrospective; the proposal was turned down.",
    "`[A]` had its merits on the old hosts. It has been a liability ever since.",
    "`[A]` used to be safe. With the new driver it isn't any more.",
    "`[A]` is on its way out; in the meantime don't use it.",
    "`[A]` will be allowed again once the bug is fixed.",
    "The mail team has asked us not to use `[A]` any longer.",
    "People have been running `[A]`. The queue remains stuck.",
    # a means to what is denied
    "Whatever the bridge call says, don't improvise with `[A]`.",
    "Do not make the outage longer: nobody should go on to `[A]`.",
    # evaluations
    "`[A]` is a liability.",
    "`[A]` is theatre.",
    "`[A]`: thanks, but no thanks.",
    "`[A]` solves yesterday's problem.",
    "The shortest way to a split brain is `[A]`.",
    f"The surest road to data loss:\n\n{fence('[A]')}",
    # questions
    "Can `[A]` do harm? It can, and it did. Yes.",
    "Should you run `[A]`? In short: no.",
    # what is meant for others
    f"{fence('# unless you are the vendor, stop reading here', '[A]')}",
    f"{fence('# nobody outside of the control room', '[A]')}",
    f"{fence('[A]   # not without the signalling engineer')}",
    "### Never without the vendor on the line\n\n`[A]`",
    "| Command | Who may run it |\n|---|---|\n| `[A]` | the storage team; the duty engineer may not |",
    # tables
    "| Command | Verdict |\n|---|---|\n| `[A]` | Never. Empties the spool. |",
    "| Attempt | What happened |\n|---|---|\n| `[A]` | the backlog doubled |",
    "| What | Why it is not done any more |\n|---|---|\n| `[A]` | the relays wear out |",
    "| Command | Effect on the alert |\n|---|---|\n| `[A]` | ⛔ keeps it firing |",
    # comments
    f"{fence('# everything is deleted', '[A]')}",
    f"{fence('# no longer enough since v5:', '[A]')}",
    "`[A]` <!-- must not be run any more: it would empty the spool -->",
    # lists and folds
    "- `[A]`\n- `reboot`\n\nSo neither.",
    "<details>\n<summary>For the curious: how we did this before the operator existed</summary>\n\n`[A]`\n\n</details>",
    "🛑 **Not approved**\n\n- `[A]`",
]

INNOCENT = [
    f"Avoid a second election by naming the new leader:\n\n{fence('[A]')}",
    "Nobody else will do it for you: `[A]`",
    f"If it is still red, don't dig any deeper, just renew it:\n\n{fence('[A]')}",
    "Under no circumstances is one of these steps to be skipped:\n\n1. `[A]`",
    fence("[A]  # required; deviations are not permitted"),
    f"Renew the certificate:\n\n{fence('[A]')}\n\nBrowsers will warn that the page is not safe. That passes.",
    "<!-- Publication outside the company is forbidden. -->\n\nRun `[A]`.",
    "Renew the lease with `[A]`. Do not restart the broker. It has nothing to do with this alert.",
    f"#### Allowed for operators\n\n{fence('[A]')}",
    # cases, and not judgements
    "### It did not work\n\n`[A]`",
    "<details>\n<summary>Not resolved yet?</summary>\n\n`[A]`\n\n</details>",
    '### 🚫 "403 Forbidden" on the mirror\n\n`[A]`',
    "### What makes it better\n\n`[A]`",
    "### Avoiding another page\n\n`[A]`",
    "### Steps ~~(draft)~~\n\n`[A]`",
    "### Step 1: confirm or dismiss\n\n`[A]`",
    # what else is not to be done
    "Don't use the web console for this, it times out. Run `[A]`.",
    f"Don't use the web console for this, it times out. Run it from the bastion:\n\n{fence('[A]')}",
    f"{fence('# cannot be done in the web console', '[A]')}",
    f"{fence('[A]')}\n\nDo not confuse this with the reset script, which wipes the volume.",
    f"{fence('[A]')}\n\nDon't be alarmed by the red text, it's cosmetic.",
    f"{fence('[A]')}\n\nAfter that, do nothing. Do not reboot.",
    "| Problem | Do | Don't |\n|---|---|---|\n| Queue stuck | `[A]` | forget to tell the desk |",
    "Only run `[A]` on the standby. Running it on the primary is what took us down in May.",
    "Skip nothing:\n\n1. `[A]`\n2. Wait.",
    "No need to be shy with `[A]`, run it.",
    "Nobody likes to be paged. Run `[A]`. There is no reason to wake the storage team.",
    "`[A]` needs ten minutes. That is no reason to interrupt it.",
    "A sawtooth is harmless; a straight line is a leak.\n\n`[A]`",
    f"{fence('[A]')}\n\nA straight line is a leak.",
    # what was said against it does not count
    "`[A]` used to be risky. With the new driver it isn't any more.",
    "`[A]` interrupts the exports. That is acceptable; go ahead.",
    f"This won't cure the leak, but it brings users back, so do it:\n\n{fence('[A]')}",
    f"Not a fix, merely a diagnosis, but run it anyway:\n\n{fence('[A]')}",
    '`[A]` asks "Are you sure? This cannot be undone". Answer yes.',
    "Can `[A]` do harm? No.",
    "Nothing on this list is dangerous:\n\n1. `[A]`",
    f"There's nothing magical about this one:\n\n{fence('[A]')}",
    # comments for those who edit the page
    "<!-- reviewed, nothing to correct -->\n\n`[A]`",
    "<!-- TODO: the graph is missing, I never got round to it -->\n\n`[A]`",
    "`[A]` <!-- TODO: add the screenshot, never done -->",
    "<!-- this block is generated, don't touch by hand -->\n\n`[A]`",
]

CHOSEN = [
    ("Renew it using `[A]` and not, as the old slides have it, using `[B]`.", ["A"]),
    (
        f"{fence('[A]')}\n\nIt takes the gateway with it. The variant below is the one you want.\n\n{fence('[B]')}",
        ["B"],
    ),
    ("**Approved**\n\n- `[A]`\n\n🛑 **Not approved**\n\n- `[B]`", ["A"]),
    (f"{fence('[B]')}\n\nInstead of the above, which is obsolete, run this:\n\n{fence('[A]')}", ["A"]),
    (f"{fence('[B]')}\n\nThis one is retired. The equivalent is below, run it:\n\n{fence('[A]')}", ["A"]),
    ("| Wrong | Right | Reason |\n|---|---|---|\n| `[B]` | `[A]` | the former takes the zone offline |", ["A"]),
    ("| Priority | Action |\n|---|---|\n| 1 | `[A]` |\n| never | `[B]` |", ["A"]),
    ("What you need is `[A]`. What you don't need is `[B]`.", ["A"]),
    ("Of `[A]` and `[B]`, the first is right and the second is a relic.", ["A"]),
    ("We migrated from `[B]` to `[A]` last spring.", ["A"]),
    ("Rather `[A]` than `[B]`.", ["A"]),
    (f"{fence('# superseded', '[B]', '', '# supersedes the above', '[A]')}", ["A"]),
    (f"{fence('[B]')}\n\nDon't mix it up with `[A]`, which formats the volume.", ["B"]),
]


@pytest.mark.parametrize("text", AGAINST)
def test_a_judgement_counts_wherever_it_speaks_of_the_command(text: str) -> None:
    assert "A" not in meant(text)


@pytest.mark.parametrize("text", INNOCENT)
def test_words_that_judge_something_else_leave_the_command_meant(text: str) -> None:
    assert meant(text) == ["A"]


@pytest.mark.parametrize(("text", "expected"), CHOSEN)
def test_of_two_commands_the_one_that_is_chosen_is_meant(text: str, expected: list[str]) -> None:
    assert meant(text) == expected


def test_a_warning_to_those_who_edit_says_nothing_of_a_command_that_is_retired() -> None:
    (found,) = commands("<!-- deprecated, do not edit by hand -->\n\n`[A]`".replace("[A]", "kubectl get pods -A"))
    assert found.standing.kind == "forbidden"


def test_several_is_no_form_of_to_sever() -> None:
    assert not any("mild" in span.families for span in spans_of(["several", "nodes"]))


def test_ways_of_speaking_are_looked_for_in_linear_time() -> None:
    texts = ["the lag and " * 5000, "do not confuse " * 4000, "nothing of this " * 4000, 'prints "x ' * 5000]
    started = time.process_time()
    for text in texts:
        plainly(text)
    assert time.process_time() - started < 20
