"""A model in two parts: the layers below the first trained one, which are frozen, and those above.

What frozen layers hand up never changes: not for the prefix while training lasts, and not for a row over its epochs.
Both parts run through the model's own forward pass, in which something else stands in the place of layers that shall
not run.

Letters in shapes: B batch, S tokens, M width.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten


def frozen_layers(model: Any) -> int:
    """Returns how many layers come before the first that is trained."""
    trained = [bool(tree_flatten(layer.trainable_parameters())) for layer in model.layers]
    return trained.index(True) if True in trained else 0


def run_below(model: Any, count: int, tokens: mx.array, cache: Sequence[Any]) -> mx.array:
    """tokens int [B, S] -> the states [B, S, M] that the first count layers hand up; no other layer runs."""
    layers = [*model.layers[:count], _End(model.layers[count]), *model.layers[count + 1 :]]
    try:
        with _layers(model, layers):
            model.model(tokens, cache=cache)
    except _Reached as reached:
        return reached.states
    raise RuntimeError(f"the model of type {model.model_type} does not call its layer {count}")


def run_above(model: Any, count: int, states: mx.array | None, tokens: mx.array, cache: Sequence[Any]) -> mx.array:
    """states as of run_below, None where count is 0 -> what the model makes of tokens [B, S], before the head."""
    given = [_Given(layer, states if number == 0 else None) for number, layer in enumerate(model.layers[:count])]
    with _layers(model, [*given, *model.layers[count:]]):
        result: mx.array = model.model(tokens, cache=cache)
    return result


class _Given:
    """Stands for a layer that does not run: hands up given states, or what it is given."""

    def __init__(self, layer: Any, states: mx.array | None = None) -> None:
        self.layer, self.states = layer, states

    def __call__(self, x: mx.array, *_: Any, **__: Any) -> mx.array:
        return x if self.states is None else self.states

    def __getattr__(self, name: str) -> Any:
        return getattr(self.layer, name)  # a model asks its layers of which kind they are


class _Reached(Exception):
    def __init__(self, states: mx.array) -> None:
        self.states = states


class _End(_Given):
    def __call__(self, x: mx.array, *_: Any, **__: Any) -> mx.array:
        raise _Reached(x)


@contextmanager
def _layers(model: Any, layers: list[Any]) -> Iterator[None]:
    whole = model.model.layers
    model.model.layers = layers
    try:
        yield
    finally:
        model.model.layers = whole
