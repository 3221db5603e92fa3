"""What the demo model is made from."""

import json
import random
import re
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from examples.demo_model.build import BASE, RECIPE, VOCABULARY, recipe
from examples.demo_model.curriculum import corpus, make_lesson
from examples.demo_model.shape import SHAPE
from examples.demo_model.tokenizer import train_tokenizer
from examples.demo_model.values import LABEL_WORDS, WORDS
from shared.function_call import CONTROL_TOKENS

AGENTS = Path(__file__).parents[2] / "homelab" / "flux" / "ai"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    words = [word for known in WORDS.values() for word in known]
    return train_tokenizer(corpus(random.Random(0), 60), words, LABEL_WORDS, VOCABULARY)


@pytest.mark.parametrize(
    "text", ["", " a  b\t\r\n", "héllo 日本 😀 \x00", "x: : y,type:{description:", "<bos><escape>a<escape>"]
)
def test_the_tokenizer_loses_nothing(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    assert tokenizer.decode(ids, skip_special_tokens=False) == text


def test_control_tokens_come_first(tokenizer: Tokenizer) -> None:
    assert [tokenizer.token_to_id(token) for token in CONTROL_TOKENS] == list(range(len(CONTROL_TOKENS)))


@pytest.mark.parametrize("value", ["identity-scheduler", "checkout-api-x7k2p", "anna.shop", "cart-api:3.12"])
def test_a_value_has_the_same_pieces_in_the_alert_and_in_the_call(tokenizer: Tokenizer, value: str) -> None:
    def pieces(text: str) -> list[int]:
        return tokenizer.encode(text, add_special_tokens=False).ids

    alone = pieces(value)
    assert pieces(f"name: {value}\n") == [*pieces("name: "), *alone, *pieces("\n")]
    assert pieces(f"{{name:<escape>{value}<escape>") == [*pieces("{name:<escape>"), *alone, *pieces("<escape>")]


def test_no_lesson_holds_an_alert_of_the_examples() -> None:
    chance = random.Random(0)
    lessons = "".join(prompt for _ in range(300) for prompt, _ in make_lesson(chance, 2).rows)
    runbooks = "\n".join(file.read_text() for file in AGENTS.glob("*/docs/**/*.md"))
    alerts = re.findall(r"^### Alert: (\w+)$|^# ([A-Z]\w+)$", runbooks, flags=re.MULTILINE)
    alerts = [one or other for one, other in alerts]
    assert len(alerts) > 40 and "CertificateNotReady" in alerts
    assert not [alert for alert in alerts if f"alert {alert}\n" in lessons]


def test_the_base_that_is_here_was_made_by_this_recipe() -> None:
    """Where it was not, `make demo-base` trains it anew."""
    assert (BASE / RECIPE).read_text().strip() == recipe()


def test_the_base_is_small_and_of_the_shape_that_the_recipe_has() -> None:
    assert sum(file.stat().st_size for file in BASE.iterdir()) < 6_000_000
    config = json.loads((BASE / "config.json").read_text())
    assert {name: config[name] for name in SHAPE} == SHAPE | {"torch_dtype": "bfloat16"}
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    assert tokenizer.get_vocab_size() == config["vocab_size"] == VOCABULARY
