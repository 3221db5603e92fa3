"""To look for the words that a pattern needs never hides what the pattern would find."""

import re
import time

import pytest

from stages.dataset.runbook.wording.lexicon import TARGET
from stages.dataset.runbook.wording.needed import folded, may_match, needed
from stages.dataset.runbook.wording.phrases import _rewrites, plainly

SENTENCES = (
    "Never let a colleague talk you out of it.",
    f"{TARGET} is harmless, so do not hesitate to run it.",
    f"Use {TARGET} only if the on-call engineer agrees; it will do no harm.",
    f"We have stopped using {TARGET}, as it makes the backlog worse.",
    f"Nobody should run {TARGET} before you even think about the backups.",
    "THIS WAS ONCE CONSIDERED SAFE UNTIL LAST YEAR, AND IS TO BE AVOIDED.",
    "This is reserved to the DBAs; leave it to them.",
    "Users report error queue-17 more often than 12 times an hour.",
    "",
)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (r"\b(?:do not|never) touch\b", (" touch",)),
        (r"\b(?:stop|halt)\b", ("stop", "halt")),
        (r"(?:please )?run it", ("run it",)),
        (r"(?:again ){2,3}x", ("again ",)),
        (r"(?:again )*x", ()),
        (r"x|stop", ()),
        (r"(?<!not )allowed", ("allowed",)),
        (r"allowed(?! to)", ("allowed",)),
        (r"(?=restart)\w+", ("restart",)),
        (r"(?P<verb>DROP) it", ("drop",)),
        (r"[ab]\w+\d", ()),
        (r"ΣΑΣ", ()),
        (r"danger(?:ous)?", ("danger",)),
    ],
)
def test_a_pattern_needs_the_words_that_stand_in_all_that_it_matches(pattern: str, words: tuple[str, ...]) -> None:
    assert needed(pattern) == words


@pytest.mark.parametrize("text", ["STOP", "ſtop", "Riſky", "ris\u212ay", "İt", "ıt", "It"])
def test_letters_that_a_pattern_takes_for_others_are_found_all_the_same(text: str) -> None:
    for pattern in ("stop", "risky", "it"):
        if re.search(pattern, text, re.IGNORECASE):
            assert may_match(needed(pattern), folded(text))


def test_a_pattern_that_needs_no_word_is_always_tried() -> None:
    assert may_match((), "")
    assert may_match(("stop", "halt"), "halt!")
    assert not may_match(("stop", "halt"), "go on")


@pytest.mark.parametrize("text", [*SENTENCES, *map(str.upper, SENTENCES)])
def test_a_sentence_is_made_plain_as_if_every_pattern_were_tried(text: str) -> None:
    expected = text
    for _, pattern, instead in _rewrites():
        expected = pattern.sub(instead, expected)
    assert plainly(text) == expected


def test_every_way_of_speaking_has_words_to_look_for() -> None:
    assert [pattern.pattern for words, pattern, _ in _rewrites() if not words] == []


def test_a_long_text_is_looked_through_in_no_time() -> None:
    began = time.process_time()
    assert not may_match(needed(r"(?:stop|halt) it"), folded("stop " * 100_000))
    assert time.process_time() - began < 1
