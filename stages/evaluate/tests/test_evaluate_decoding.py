"""Batched answers behind a shared prefix are those that the model gives to each whole prompt by itself."""

from pathlib import Path
from typing import Any

import pytest

from shared.errors import StageError
from shared.function_call import STOP_TOKENS
from stages.evaluate.answering.decoding import WarmModel
from stages.evaluate.answering.prefix_cache import PrefixCache
from stages.evaluate.answering.runtime import load_model, make_prompt_cache, mx
from stages.evaluate.answering.tokens import PromptTokenizer
from tests.samples import prompt_file
from tests.tiny_model import write_tiny_base

SHORT_PREFIX = "<bos><start_of_turn>"
LONG_PREFIX = "<bos><start_of_turn>developer\nthirty-odd characters of it here<end_of_turn>"
SUFFIXES = ["a", "firing alert Down", "b" * 23, "c" * 24, "firing alert Busy\nnamespace: web\ndeployment: shop", "?!"]
MAX_TOKENS = 40


def warm_model(base: Path, prefix: str, stops: set[int] | None = None) -> WarmModel:
    warm = WarmModel(base, PromptTokenizer(base, STOP_TOKENS), prefix, MAX_TOKENS)
    if stops is not None:
        warm.tokenizer.stops = frozenset(stops)
    return warm


def whole_prompt(base: Path, prompt: str) -> list[int]:
    """Returns MAX_TOKENS greedy tokens, with mlx-lm's own caches and without a shared prefix."""
    model: Any = load_model(base)[0]
    cache = make_prompt_cache(model)
    ids = PromptTokenizer(base, STOP_TOKENS).encode(prompt)
    written: list[int] = []
    while len(written) < MAX_TOKENS:
        token: Any = mx.argmax(model(mx.array([ids]), cache=cache)[0, -1]).item()
        ids = [token]
        written += ids
    return written


def up_to_stop(ids: list[int], stops: set[int]) -> list[int]:
    ends = [place for place, token in enumerate(ids) if token in stops]
    return ids[: ends[0] + 1] if ends else ids


@pytest.fixture(params=["lively_base", "wide_base"])
def base(request: pytest.FixtureRequest) -> Path:
    folder: Path = request.getfixturevalue(request.param)
    return folder


@pytest.mark.parametrize("prefix", [SHORT_PREFIX, LONG_PREFIX])
def test_ragged_batches_equal_whole_prompts_below_and_above_the_window(base: Path, prefix: str) -> None:
    whole = [whole_prompt(base, prefix + suffix) for suffix in SUFFIXES]
    stops = {whole[1][7], whole[4][20]}
    warm = warm_model(base, prefix, stops)
    expected = [up_to_stop(ids, stops) for ids in whole]
    suffixes = [warm.tokenizer.encode(suffix) for suffix in SUFFIXES]

    assert len({len(ids) for ids in expected}) > 2, "the rows are to end at different steps"
    assert len({tuple(ids) for ids in whole}) == len(SUFFIXES), "each prompt is to have an answer of its own"
    assert warm.decode(suffixes, MAX_TOKENS) == expected
    assert [warm.decode([suffix], MAX_TOKENS)[0] for suffix in suffixes] == expected


def test_answers_keep_the_order_of_the_prompts_over_several_batches(
    lively_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.evaluate.answering.decoding.BATCH", 4)
    warm = warm_model(lively_base, LONG_PREFIX)
    finished: list[int] = []
    prompts = [LONG_PREFIX + suffix for suffix in SUFFIXES]

    answers = warm.answer_all(prompts, finished.append)

    assert answers == [warm.answer(prompt) for prompt in prompts]
    assert sum(finished) == len(prompts)


def _blind_to_padding(self: PrefixCache, new: int, window_size: int | None) -> mx.array:
    slots = mx.arange(self.slots + new)
    queries, keys = slots[self.slots :, None], slots[None]
    seen = keys <= queries
    return seen if window_size is None else seen & (queries < keys + window_size)


def _without_window(self: PrefixCache, new: int, window_size: int | None) -> mx.array:
    return unbroken_mask(self, new, None)


unbroken_mask = PrefixCache._mask


@pytest.mark.parametrize(
    ("attribute", "broken"),
    [
        ("_mask", _blind_to_padding),
        ("_mask", _without_window),
        ("offset", property(lambda self: self.slots)),
        ("offset", property(lambda self: self.slots - mx.array(self.padding) + 1)),
    ],
    ids=["padding seen", "no window", "padding counted", "one position off"],
)
def test_a_wrong_cache_is_noticed(
    lively_base: Path, monkeypatch: pytest.MonkeyPatch, attribute: str, broken: Any
) -> None:
    warm = warm_model(lively_base, LONG_PREFIX)
    suffixes = [warm.tokenizer.encode(suffix) for suffix in SUFFIXES]
    right = warm.decode(suffixes, MAX_TOKENS)
    monkeypatch.setattr(PrefixCache, attribute, broken)
    assert warm.decode(suffixes, MAX_TOKENS) != right


def test_an_answer_ends_with_its_stop_token_or_at_max_tokens(lively_base: Path) -> None:
    prompt = LONG_PREFIX + "firing"
    first = whole_prompt(lively_base, prompt)[0]
    assert warm_model(lively_base, LONG_PREFIX, set()).answer(prompt).tokens == MAX_TOKENS
    assert warm_model(lively_base, LONG_PREFIX, {first}).answer(prompt).tokens == 1


def test_prompts_are_tokenised_as_they_stand(lively_base: Path) -> None:
    tokenizer = PromptTokenizer(lively_base, STOP_TOKENS)
    text = prompt_file().prompt("firing alert Down")
    assert tokenizer.encode(text).count(tokenizer.encode("<bos>")[0]) == 1
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_tokenizer_equals_the_one_that_transformers_loads(lively_base: Path) -> None:
    from transformers import AutoTokenizer

    text = prompt_file().prompt("firing alert Überlast\nnamespace:  web")
    theirs = AutoTokenizer.from_pretrained(str(lively_base))(text, add_special_tokens=False)["input_ids"]
    assert PromptTokenizer(lively_base, STOP_TOKENS).encode(text) == theirs


def test_a_prefix_that_joins_the_next_token_is_refused(lively_base: Path) -> None:
    warm = warm_model(lively_base, LONG_PREFIX)
    with pytest.raises(StageError, match="the prompt's prefix has other tokens by itself than before an alert"):
        warm.answer("<bos>something else")


def test_a_model_that_mlx_lm_does_not_know_is_refused(tmp_path: Path) -> None:
    base = write_tiny_base(tmp_path / "base")
    config = (base / "config.json").read_text().replace("gemma3_text", "no_such_model")
    (base / "config.json").write_text(config)
    with pytest.raises(
        StageError, match=r"mlx-lm cannot load the model in .*no_such_model.*convert the base model again"
    ):
        warm_model(base, LONG_PREFIX)


@pytest.mark.parametrize("prefix", [SHORT_PREFIX, LONG_PREFIX], ids=["short prefix", "long prefix"])
def test_right_answers_weigh_what_they_do_behind_each_whole_prompt(tmp_path: Path, prefix: str) -> None:
    base = write_tiny_base(tmp_path / "base")
    prompts, answers = [prefix + suffix for suffix in SUFFIXES], ["x", "restart web", "abc", "d" * 30, "e", "f g"]
    warm = warm_model(base, prefix)
    advanced: list[int] = []
    found = warm.log_probabilities(prompts, answers, advanced.append)
    assert sum(advanced) == len(prompts)
    model: Any = load_model(base)[0]
    for prompt, answer, scores in zip(prompts, answers, found, strict=True):
        ids, wanted = warm.tokenizer.encode(prompt), warm.tokenizer.encode(answer)
        logits = model(mx.array([ids + wanted]))[0, len(ids) - 1 : -1].astype(mx.float32)
        chances: Any = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        alone = [chances[place, token].item() for place, token in enumerate(wanted)]
        assert scores == pytest.approx(alone, abs=1e-4)
