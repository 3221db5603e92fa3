"""Trains the demo base model anew: `make demo-base`, eight minutes on one core. `base/` holds what it made last.

Nothing is downloaded.
"""

import argparse
import hashlib
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from examples.demo_model.curriculum import corpus
from shared.function_call import CONTROL_TOKENS, STOP_TOKENS

RECIPE = "recipe.txt"
VOCABULARY = 3900
SEED = 0
STEPS, ROWS = 480, 20
LESSONS = 40  # that tell one curriculum from another
_HERE = Path(__file__).parent
BASE = _HERE / "base"
_SOURCES = ("circuits.py", "pretraining.py", "shape.py", "tokenizer.py")


def main() -> None:
    """Builds the model in the place of the one that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=BASE, help="the model's folder, which is replaced")
    output = parser.parse_args().output
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".demo-model-", dir=output.parent) as work:
        folder = Path(work) / "model"
        build(folder)
        (folder / RECIPE).write_text(recipe() + "\n")
        shutil.rmtree(output, ignore_errors=True)
        folder.rename(output)


def recipe() -> str:
    """Returns a hash of what decides the model: lessons as the model reads them, and how it is trained on them."""
    digest = hashlib.sha256(repr((VOCABULARY, SEED, STEPS, ROWS)).encode())
    for text in corpus(random.Random(SEED), LESSONS):
        digest.update(text.encode())
    for source in _SOURCES:
        digest.update((_HERE / source).read_bytes())
    return digest.hexdigest()[:16]


def build(folder: Path) -> None:
    """Writes the model's folder."""
    # One thread: the matrices are thin, and two threads only wait for each other on a busy machine.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    from shared import blas

    _say(f"demo model: {blas.prepare()}")
    import mlx.core as mx
    from mlx.utils import tree_flatten

    from examples.demo_model.pretraining import pretrain
    from examples.demo_model.shape import SHAPE, make_model
    from examples.demo_model.tokenizer import train_tokenizer
    from examples.demo_model.values import LABEL_WORDS, WORDS
    from stages.train.engine import cpu_math

    if mx.default_device().type.name == "cpu":
        mx.disable_compile()  # it would call a C++ compiler
        cpu_math.install()
    words = [word for known in WORDS.values() for word in known]
    tokenizer = train_tokenizer(corpus(random.Random(SEED), 300), words, LABEL_WORDS, VOCABULARY)
    model = make_model(tokenizer.get_vocab_size(), SEED)
    pretrain(model, _batches(tokenizer), STEPS, _Report())
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    trained: Any = tree_flatten(model.parameters())
    weights = {name: weight.astype(mx.bfloat16) for name, weight in trained}
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "pt"})
    _write_settings(folder, SHAPE | {"vocab_size": tokenizer.get_vocab_size(), "torch_dtype": "bfloat16"})


def _batches(tokenizer: Any) -> Iterator[Any]:
    from examples.demo_model.curriculum import make_lesson
    from examples.demo_model.pretraining import assemble

    chance = random.Random(SEED)
    while True:
        yield assemble(make_lesson(chance, ROWS * 3 // 2), tokenizer, ROWS)


def _write_settings(folder: Path, config: dict[str, Any]) -> None:
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    kind = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    stops = [CONTROL_TOKENS.index(token) for token in STOP_TOKENS]
    generation = {"bos_token_id": config["bos_token_id"], "eos_token_id": stops, "pad_token_id": config["pad_token_id"]}
    files = {"config": config, "tokenizer_config": special | kind, "generation_config": generation}
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")


class _Report:
    """Prints a line now and then."""

    def __init__(self) -> None:
        self.began = time.monotonic()

    def __call__(self, step: int, loss: float) -> None:
        if step % 30 == 0 or step == 1:
            _say(f"demo model: step {step}/{STEPS}, loss {loss:.2f}, {time.monotonic() - self.began:.0f} s")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
