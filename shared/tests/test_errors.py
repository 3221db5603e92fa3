"""What is proposed for a word that is not known."""

import pytest

from shared.errors import nearest


@pytest.mark.parametrize(
    ("word", "known", "said"),
    [
        ("iter", ["iters", "epochs"], "did you mean iters?"),
        ("xyz", ["iters", "epochs"], "known here: iters, epochs"),
        ("xyz", [], "known here: nothing"),
        ("", ["iters"], "known here: iters"),
    ],
)
def test_the_nearest_word_is_asked_for_and_else_all_are_named(word: str, known: list[str], said: str) -> None:
    assert nearest(word, known) == said


def test_of_many_words_the_first_are_named_and_all_are_looked_at() -> None:
    many = (f"key-{number}" for number in range(1000))
    assert nearest("xyz", many, most=2) == "known here: key-0, key-1"
    assert nearest("image", ["spec", "name", "images"], most=1) == "did you mean images?"
