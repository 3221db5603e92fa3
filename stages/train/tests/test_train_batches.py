"""Which tokens are trained on, and in which order."""

from dataclasses import replace
from itertools import islice
from typing import Any

import mlx.core as mx

from stages.train.contract import Inputs
from stages.train.engine.batches import SHAPE_STEP, assemble, steps_of_an_epoch, training_steps, validation_steps
from stages.train.engine.prefix import Group
from stages.train.rows import Row, load_tokenizer, read_rows


def listed(array: mx.array) -> Any:
    return array.tolist()


SHORT = Row("a", (2, 10, 11, 12), 2)
LONG = Row("b", (2, 10, 13, 14, 15, 16), 3)
OTHERS = [Row(f"other-{number}", (3, 20 + number, 9), 2) for number in range(3)]
ROWS = [Row(str(number), (2, 10, 20 + number), 2) for number in range(5)]


def test_the_completions_tokens_are_scored_and_nothing_else() -> None:
    batch = assemble([SHORT, LONG], 0)
    assert batch.tokens.shape == (2, SHAPE_STEP)
    assert listed(batch.targets)[:6] == [11, 12, 14, 15, 16, 0]
    assert listed(batch.weights) == [1.0] * 5 + [0.0] * (SHAPE_STEP - 5)
    predicting = listed(mx.take(batch.tokens.reshape(-1), batch.positions))
    assert predicting[:5] == [10, 11, 13, 14, 15]
    assert (batch.scored_count, batch.token_count) == (5, 10)


def test_the_shared_prefix_is_cut_off_and_the_same_tokens_are_scored() -> None:
    whole, rest = assemble([SHORT, LONG], 0), assemble([SHORT, LONG], 1)
    assert listed(rest.tokens)[1][:5] == [10, 13, 14, 15, 0]
    assert listed(rest.targets) == listed(whole.targets)
    assert listed(mx.take(rest.tokens.reshape(-1), rest.positions))[:5] == [10, 11, 13, 14, 15]
    assert rest.token_count == whole.token_count


def epochs(seed: int, size: int = 2) -> list[list[list[str]]]:
    """Returns the row ids of each step of some epochs, of two groups that share 2 tokens and 1."""
    groups = [Group((2, 10), tuple(ROWS)), Group((3,), tuple(OTHERS))]
    length = steps_of_an_epoch(groups, size)
    steps = list(islice(training_steps(groups, size, seed), 4 * length))
    assert all({row.tokens[0] for row in step.rows} == {(2, 3)[step.group]} for step in steps)
    ids = [[row.id for row in step.rows] for step in steps]
    return [ids[start : start + length] for start in range(0, len(ids), length)]


def test_every_epoch_holds_each_row_once_in_its_own_seeded_order() -> None:
    found = epochs(0)
    names = sorted(row.id for row in (*ROWS, *OTHERS))
    assert all(sorted(name for step in epoch for name in step) == names for epoch in found)
    assert found[0] != found[1]
    assert epochs(0) == found
    assert epochs(1) != found


def test_a_step_holds_rows_of_one_group_and_about_one_length() -> None:
    rows = [Row(str(length), tuple(range(length)), 1) for length in (10, 100, 20, 110, 15, 120)]
    groups = [Group((), tuple(rows))]
    steps = islice(training_steps(groups, 3, 0), 2)
    lengths = [sorted(len(row.tokens) for row in step.rows) for step in steps]
    assert sorted(lengths) == [[10, 15, 20], [100, 110, 120]]


def test_validation_takes_every_row_once_in_order() -> None:
    steps = list(validation_steps([Group((), tuple(ROWS))], 2))
    assert [[row.id for row in step.rows] for step in steps] == [["0", "1"], ["2", "3"], ["4"]]


def test_rows_are_tokenised_as_they_stand_without_another_bos(inputs: Inputs) -> None:
    tokenizer = load_tokenizer(inputs.model.path)
    row, source = read_rows(inputs.dataset, "train", tokenizer)[0], inputs.dataset.rows("train")[0]
    text = tokenizer.decode(list(row.tokens), skip_special_tokens=False)
    assert text == source["prompt"] + source["completion"]
    assert row.tokens.count(2) == 1
    completion = tokenizer.decode(list(row.tokens[row.prompt_length :]), skip_special_tokens=False)
    assert completion == source["completion"]
    assert completion.endswith("<end_function_call><start_function_response>")


def test_a_tokenizer_file_that_cuts_or_pads_does_so_to_no_row(own_base: Inputs) -> None:
    file = str(own_base.model.path / "tokenizer.json")
    expected = read_rows(own_base.dataset, "train", load_tokenizer(own_base.model.path))
    tokenizer = load_tokenizer(own_base.model.path)
    tokenizer.enable_truncation(16)
    tokenizer.enable_padding(length=2000)
    tokenizer.save(file)
    assert read_rows(replace(own_base).dataset, "train", load_tokenizer(own_base.model.path)) == expected
