"""FunctionGemma's shape with random weights, and prompts of its length, whose words are the ids of their tokens."""

from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

from benchmarks.training import model
from benchmarks.training.shape import SHAPES, Case, draw_rows

PREFIX, TOKENS = 777, 32
UNKNOWN = "unknown"


def write(folder: Path) -> None:
    """Writes the model and a tokenizer.json whose words are numbers."""
    model.write("functiongemma", folder, [])
    size = SHAPES["functiongemma"]["vocab_size"]
    words = {str(number): number for number in range(size - 1)} | {UNKNOWN: size - 1}
    tokenizer = Tokenizer(WordLevel(words, unk_token=UNKNOWN))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.save(str(folder / "tokenizer.json"))


def prompts(count: int) -> tuple[str, list[str]]:
    """Returns the prefix that the prompts share, and the prompts; nothing stops their answers but their length."""
    rows = draw_rows(Case("functiongemma", 18, count, PREFIX), 0)
    texts = [" ".join(map(str, row.tokens[: row.prompt])) for row in rows]
    return " ".join(map(str, rows[0].tokens[:PREFIX])), texts
