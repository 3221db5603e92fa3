"""Where words on a command stand on a page, and how far they reach."""

import time

import pytest

from stages.dataset.runbook.reader import read_runbook
from stages.dataset.tests.test_dataset_standing import fence, meant


def indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.split("\n"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"The wrong way:\n\n{fence('[A]')}\n\nThe right way:\n\n{fence('[B]')}", ["B"]),
        (f"The right way:\n\n{fence('[A]')}\n\nThe wrong way:\n\n{fence('[B]')}", ["A"]),
        (f"What we did before the move:\n\n{fence('[A]')}\n\nWhat we do since then:\n\n{fence('[B]')}", ["B"]),
        (f"What the vendor recommends:\n\n{fence('[A]')}\n\nWhat we recommend:\n\n{fence('[B]')}", ["B"]),
        (f"Quick and wrong:\n\n{fence('[A]')}\n\nSlow and right:\n\n{fence('[B]')}", ["B"]),
        ("Helps:\n\n- `[A]`\n\nDoes not help, and costs us the cache:\n\n- `[B]`", ["A"]),
        (f"Plan A:\n\n{fence('[A]')}\n\nPlan B:\n\n{fence('[B]')}\n\nPlan B is not to be used any more.", ["A"]),
        (f"Option one:\n\n{fence('[A]')}\n\nOption two:\n\n{fence('[B]')}\n\nChoose option two.", ["B"]),
        (f"Run this one:\n\n{fence('[A]')}\n\nand never this one:\n\n{fence('[B]')}", ["A"]),
        (f"{fence('[A]')}\n\n{fence('[B]')}\n\nOnly the second one is allowed.", ["B"]),
        (f"Of the following two, only the second may be used:\n\n{fence('[A]')}\n\n{fence('[B]')}", ["B"]),
        (f"{fence('[A]', '[B]')}\n\nThe first line is not needed any more and does harm.", ["B"]),
        (f"{fence('[A]')}\n\nIt is forbidden, so run this instead:\n\n{fence('[B]')}", ["B"]),
        ("Both `[A]` and `[B]` clear the alert, but `[A]` is not allowed here.", ["B"]),
        ("⛔ `[A]` ➡️ `[B]`", ["B"]),
        (f"If the pod hangs, run:\n\n{fence('[A]')}\n\nIf the node hangs, run instead:\n\n{fence('[B]')}", ["A", "B"]),
    ],
)
def test_what_is_said_of_one_of_two_commands_settles_the_other(text: str, expected: list[str]) -> None:
    assert meant(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '??? danger "Do not use"\n    `[A]`\n\nRun `[B]`.',
        f"!!! danger\n\n{indented(fence('[A]'))}\n\n    This wipes the volume.\n\nRun:\n\n{fence('[B]')}",
        f'=== "Do not"\n\n{indented(fence("[A]"))}\n\n=== "Do"\n\n{indented(fence("[B]"))}',
        f"{fence('[A]')}\n\n> [!CAUTION]\n> Do not run this.\n\n{fence('[B]')}",
        f":::danger\nNever run this.\n\n{fence('[A]')}\n:::\n\nRun:\n\n{fence('[B]')}",
        ":x: `[A]`\n\n:white_check_mark: `[B]`",
        "| Command | |\n|---|---|\n| `[A]` | :x: |\n| `[B]` | :heavy_check_mark: |",
        "🟥 `[A]`\n\n🟩 `[B]`",
        "| | |\n|---|---|\n| **Never** | `[A]` |\n| **Always** | `[B]` |",
        "| Instead of | Run |\n|---|---|\n| `[A]` | `[B]` |",
        "| Command | Approval |\n|---|---|\n| `[A]` | change board |\n| `[B]` | not needed |",
        "| Command | Reversible |\n|---|---|\n| `[A]` | no, so don't |\n| `[B]` | yes |",
        "| Command | Harmful? |\n|---|---|\n| `[A]` | yes |\n| `[B]` | not at all |",
        f"### Restart\n\nThis section is outdated.\n\n{fence('[A]')}\n\n### Rebuild\n\n{fence('[B]')}",
        "### Restart\n\nStatus: withdrawn\n\nRun `[A]`.\n\n### Rebuild\n\nRun `[B]`.",
        f"### ~~Restart~~\n\n{fence('[A]')}\n\n### Rebuild\n\n{fence('[B]')}",
        f"~~Run this:~~\n\n{fence('[A]')}\n\nRun this:\n\n{fence('[B]')}",
        f"<details>\n<summary>Old</summary>\n\nDeprecated.\n\n{fence('[A]')}\n\n</details>\n\n{fence('[B]')}",
        "<details>\n<summary>What we tried and what failed</summary>\n\n`[A]`\n\n</details>\n\nRun `[B]`.",
        f"{fence('[A]')}\n<!-- ^ deprecated -->\n\n{fence('[B]')}",
        f"<!-- BEGIN obsolete -->\n{fence('[A]')}\n<!-- END obsolete -->\n\n{fence('[B]')}",
        fence("[A]", "# ^ do not run", "", "[B]"),
        fence("# in place of this", "[A]", "# we now run this", "[B]"),
        fence("[A]  // do not run", "[B]"),
        "- `[A]`\n  - has been retired\n- `[B]`\n  - run this",
        f"These two come from the vendor. Do not run them. They are old.\n\n{fence('[A]')}\n\nOurs:\n\n{fence('[B]')}",
    ],
)
def test_words_reach_a_command_from_wherever_a_page_puts_them(text: str) -> None:
    assert meant(text) == ["B"]


@pytest.mark.parametrize(
    "text",
    [
        f"{fence('[A]')}\n\nThe next command looks alike, but must not be used:\n\n```\nreboot\n```",
        f"<!-- do not translate -->\n{fence('[A]')}",
        f"<!-- avoid line breaks below, the parser trips over them -->\n{fence('[A]')}",
        f"<!-- The dashboard link does not work any more. -->\n{fence('[A]')}",
        "| Cause | Fix | Ticket needed? |\n|---|---|---|\n| No free slots | run `[A]` | no |",
        "| Command | Side effects |\n|---|---|\n| `[A]` | none worth mentioning |",
        "### Remove banned clients\n\nRun `[A]`.",
        "### Forbidden (403) responses\n\nRun `[A]`.",
        "### Certificate never issued\n\nRun `[A]`.",
        "> **Warning**\n> Do not restart the gateway during this procedure.\n\nRun `[A]`.",
        "None of these steps may be left out:\n\n1. Run `[A]`.",
        "<details>\n<summary>Do not scroll past this</summary>\n\nRun `[A]`.\n\n</details>",
        f"{fence('[A]')}\n\nIf this does not help, page the storage team.",
    ],
)
def test_words_on_something_else_do_not_reach_a_command(text: str) -> None:
    assert meant(text) == ["A"]


@pytest.mark.parametrize(
    "line",
    [
        "Option 1: `kubectl delete pod web-0 -n shop`\n\nOption 1 is forbidden.\n",
        '!!! danger "Never"\n    Run `kubectl delete pod web-0 -n shop`.\n',
        "This section is obsolete.\n",
        "- `kubectl delete pod web-0 -n shop`\n  - has been retired\n",
        "`kubectl delete pod web-0 -n shop` is wrong. ",
    ],
)
def test_a_long_page_is_read_in_linear_time(line: str) -> None:
    def seconds(times: int) -> float:
        start = time.process_time()
        read_runbook("## Alert: DiskFull\n\n### Resolution\n\n" + line * times)
        return time.process_time() - start

    seconds(10)
    assert any(seconds(2_000) < 8 * seconds(500) + 0.5 for _ in range(3))
