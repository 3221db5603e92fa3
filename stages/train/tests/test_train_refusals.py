"""What train refuses, and what it says."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from shared.artifacts import ChatDataset
from shared.errors import StageError
from stages.train.contract import Inputs
from stages.train.main import run


def refusal(inputs: Inputs, folder: Path) -> str:
    outputs = folder / "outputs"
    outputs.mkdir()
    with pytest.raises(StageError) as caught:
        run(inputs, outputs)
    assert list(outputs.iterdir()) == []
    return str(caught.value)


def test_more_lora_layers_than_the_model_has(inputs: Inputs, tmp_path: Path) -> None:
    reason = "lora_layers is 4, but the model has 3 layers; set lora_layers to at most 3"
    assert refusal(replace(inputs, lora_layers=4), tmp_path) == reason


@pytest.mark.parametrize(("split", "rows", "size"), [("train", 8, 9), ("valid", 4, 5)])
def test_a_split_smaller_than_a_batch(inputs: Inputs, tmp_path: Path, split: str, rows: int, size: int) -> None:
    reason = f"{split}.jsonl has {rows} rows, fewer than batch_size {size}; set batch_size to at most {rows}"
    assert refusal(replace(inputs, batch_size=size), tmp_path) == f"{reason}, or make more rows"


def test_rows_longer_than_max_seq_length(inputs: Inputs, dataset: ChatDataset, tmp_path: Path) -> None:
    file = dataset.path / "valid.jsonl"
    rows = dataset.rows("valid")
    rows[2]["prompt"] += "x" * 100
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    reason = refusal(replace(inputs, dataset=dataset, max_seq_length=700), tmp_path)
    found = re.fullmatch(
        r"1 of 12 rows are longer than max_seq_length 700; the longest, 000000000000000a, has (\d+) tokens: "
        r"raise max_seq_length to (\d+), or declare fewer functions",
        reason,
    )
    assert found
    assert found[1] == found[2]
    run(replace(inputs, dataset=dataset, max_seq_length=int(found[1]), iters=1), tmp_path)


def test_a_learning_rate_that_makes_the_loss_infinite(inputs: Inputs, tmp_path: Path) -> None:
    reason = refusal(replace(inputs, learning_rate=1.0, lora_scale=1e18), tmp_path)
    remedy = "lower learning_rate, which is 1, for example tenfold"
    rows = r"\(rows [0-9a-f]{16}(, [0-9a-f]{16}){3}\)"
    assert re.fullmatch(rf"the training loss is (nan|inf) at iteration 2 of 20 {rows}: {remedy}", reason)


def test_a_file_that_is_no_tokenizer(own_base: Inputs, tmp_path: Path) -> None:
    (own_base.model.path / "tokenizer.json").write_text("{}")
    reason = refusal(own_base, tmp_path)
    assert reason.startswith(f"{own_base.model.path}/tokenizer.json is not a tokenizer that the tokenizers library")
    assert reason.endswith("convert the base model again")


def test_a_tokenizer_without_the_control_tokens(own_base: Inputs, tmp_path: Path) -> None:
    file = own_base.model.path / "tokenizer.json"
    file.write_text(file.read_text().replace("<start_function_call>", "<tool_call>"))
    assert refusal(own_base, tmp_path) == (
        "the model's tokenizer does not know <start_function_call>, which the rows hold; "
        "choose a base model with FunctionGemma's tokenizer"
    )


def test_a_tokenizer_of_another_model(own_base: Inputs, tmp_path: Path) -> None:
    file = own_base.model.path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"vocab_size": 100}))
    reason = refusal(own_base, tmp_path)
    assert re.fullmatch(r"the tokenizer gives the id \d+, but the model's vocab_size is 100; the tokenizer .*", reason)


def test_weights_that_do_not_fit_the_configuration(own_base: Inputs, tmp_path: Path) -> None:
    file = own_base.model.path / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"num_hidden_layers": 4}))
    reason = refusal(own_base, tmp_path)
    assert reason.startswith(f"the base model in {own_base.model.path} cannot be loaded: Missing 13 parameters")
    assert reason.endswith("convert it again")


def test_a_row_without_a_completion(inputs: Inputs, dataset: ChatDataset, tmp_path: Path) -> None:
    rows = dataset.rows("train")
    rows[0]["completion"] = ""
    (dataset.path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert refusal(replace(inputs, dataset=dataset), tmp_path) == (
        "the row 0000000000000000 of train.jsonl has an empty prompt or completion; make the dataset again"
    )
