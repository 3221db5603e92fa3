"""Which tokens are trained on, and in which order."""

from dataclasses import replace
from itertools import islice
from typing import Any

import mlx.core as mx

from stages.train.batches import assemble, training_batches, validation_batches
from stages.train.contract import Inputs
from stages.train.rows import Row, load_tokenizer, read_rows


def listed(array: mx.array) -> Any:
    return array.tolist()


SHORT = Row("a", (2, 10, 11, 12), 2)
LONG = Row("b", (2, 10, 13, 14, 15, 16), 3)
ROWS = [Row(str(number), (2, 10, 20 + number), 2) for number in range(5)]


def test_the_completions_tokens_are_scored_and_nothing_else() -> None:
    batch = assemble([SHORT, LONG], 0)
    assert batch.tokens.shape == (2, 32)
    assert listed(batch.targets)[:6] == [11, 12, 14, 15, 16, 0]
    assert listed(batch.weights) == [1.0] * 5 + [0.0] * 27
    predicting = listed(mx.take(batch.tokens.reshape(-1), batch.positions))
    assert predicting[:5] == [10, 11, 13, 14, 15]
    assert (batch.scored_count, batch.token_count) == (5, 10)


def test_the_shared_prefix_is_cut_off_and_the_same_tokens_are_scored() -> None:
    whole, rest = assemble([SHORT, LONG], 0), assemble([SHORT, LONG], 1)
    assert listed(rest.tokens)[1][:5] == [10, 13, 14, 15, 0]
    assert listed(rest.targets) == listed(whole.targets)
    assert listed(mx.take(rest.tokens.reshape(-1), rest.positions))[:5] == [10, 11, 13, 14, 15]
    assert rest.token_count == whole.token_count


def test_every_epoch_holds_each_row_once_in_its_own_seeded_order() -> None:
    def order(seed: int) -> list[list[int]]:
        batches = islice(training_batches(ROWS, 2, seed, 0), 10)
        seen = [target for batch in batches for target in listed(batch.targets)[:2]]
        return [seen[start : start + 5] for start in range(0, 20, 5)]

    epochs = order(0)
    assert all(sorted(epoch) == [20, 21, 22, 23, 24] for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1
    assert order(0) == epochs
    assert order(1) != epochs


def test_validation_takes_every_row_once_in_order() -> None:
    batches = list(validation_batches(ROWS, 2, 0))
    assert [batch.scored_count for batch in batches] == [2, 2, 1]
    assert [listed(batch.targets)[0] for batch in batches] == [20, 22, 24]


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
