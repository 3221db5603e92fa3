"""What one step computes: the loss on completions, its gradients, and the optimizer's update."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import mlx.core as mx
from mlx.nn.losses import cross_entropy
from mlx.nn.utils import value_and_grad
from mlx.optimizers import Optimizer, clip_grad_norm
from mlx.utils import tree_flatten, tree_map, tree_unflatten

from stages.train.engine.batches import Batch
from stages.train.engine.frozen_states import FrozenStates
from stages.train.engine.head_loss import head_loss, head_weight
from stages.train.engine.prefix import EXACT, SharedPrefix

Weights = dict[str, mx.array]
Loss = Callable[..., mx.array]
"""f(model, tokens, positions, targets, weights[, states]), shaped as in Batch -> the mean cross entropy in nats.

states: what frozen layers make of the tokens, where that is known.
"""


class Engine:
    """Trains the unfrozen weights of a model on batches whose rows go on after one of some prefixes."""

    def __init__(
        self,
        model: Any,
        prefixes: Sequence[Sequence[int]],
        optimizer: Optimizer,
        max_gradient_norm: float = 0.0,
        keeps_states: bool = False,
    ) -> None:
        """max_gradient_norm: a longer gradient is scaled down to it; 0 leaves every gradient as it is.

        keeps_states: whether what frozen layers make of a row is kept for when the row comes again.
        """
        self.model = model
        self.prefixes = [SharedPrefix(model, prefix) if prefix else None for prefix in prefixes]
        self.whole_loss = scored_loss if model.model_type in EXACT else whole_loss
        self.losses = [rest_loss(prefix) if prefix else self.whole_loss for prefix in self.prefixes]
        self.states = [FrozenStates(prefix, keeps_states) if prefix else None for prefix in self.prefixes]
        self.optimizer = optimizer
        self.max_gradient_norm = max_gradient_norm
        self.optimizer.init(model.trainable_parameters())
        self.state = [model.state, optimizer.state]
        self.updates = [self._compiled_update(loss) for loss in self.losses]

    def step(self, group: int, batches: Sequence[Batch]) -> tuple[float, float]:
        """Trains once on the rows of all batches, each in memory by itself.

        Returns their loss before the update, and the length of its gradient before it was clipped.
        """
        if len(batches) == 1:
            loss, norm = self.updates[group](*self._arrays(group, batches[0]))
        else:
            loss, norm = self._update(*self._accumulated(group, batches))
        mx.eval(loss, norm, self.state)
        return float(loss.item()), float(norm.item())

    def loss(self, group: int, batch: Batch) -> float:
        """Returns the mean loss per completion token."""
        return float(self.losses[group](self.model, *self._arrays(group, batch)).item())  # type: ignore[arg-type]

    def _arrays(self, group: int, batch: Batch) -> tuple[mx.array, ...]:
        """Returns what the group's loss takes, the frozen layers' states last where there are any."""
        kept = self.states[group]
        states = kept.of(batch) if kept else None
        return batch.arrays if states is None else (*batch.arrays, states)

    def restore_optimizer(self, state: Any) -> None:
        """Puts the optimizer where another one was; state: its `state`."""
        self.optimizer.state = state
        self.state[1] = self.optimizer.state
        self.updates = [self._compiled_update(loss) for loss in self.losses]

    def _compiled_update(self, loss: Loss) -> Callable[..., Any]:
        @partial(mx.compile, inputs=self.state, outputs=self.state)
        def update(*arrays: mx.array) -> Any:
            # Without arguments: mlx would trace them all, and keep what frozen layers and weights compute with them.
            return self._update(*value_and_grad(self.model, partial(loss, self.model, *arrays))())

        return update

    def _update(self, loss: mx.array, slope: Any) -> tuple[mx.array, mx.array]:
        clip: Any = clip_grad_norm
        slope, norm = clip(slope, self.max_gradient_norm or float("inf"))
        self.optimizer.update(self.model, slope)
        return loss, norm

    def _accumulated(self, group: int, batches: Sequence[Batch]) -> tuple[mx.array, Any]:
        """Returns loss and gradients of all batches' rows. The prefix runs twice, however many batches there are."""
        prefix, weights = self.prefixes[group], dict(tree_flatten(self.model.trainable_parameters()))
        held = prefix.keys_values() if prefix else []
        mx.eval(held)
        count = sum(batch.scored_count for batch in batches)

        def part_loss(weights: Weights, held: list[mx.array], batch: Batch) -> mx.array:
            self._put(weights)
            share = batch.scored_count / count
            if prefix is None:
                return self.whole_loss(self.model, *batch.arrays) * share
            return _rest_loss(prefix, held, *self._arrays(group, batch)) * share

        def prefix_states(*values: mx.array) -> list[mx.array]:
            self._put(dict(zip(weights, values, strict=True)))
            return prefix.keys_values()  # type: ignore[union-attr]

        loss, slope, pull = mx.array(0.0), tree_map(mx.zeros_like, weights), tree_map(mx.zeros_like, held)
        for batch in batches:
            part, found = mx.value_and_grad(part_loss, argnums=(0, 1))(weights, held, batch)
            loss, slope, pull = loss + part, tree_map(mx.add, slope, found[0]), tree_map(mx.add, pull, found[1])
            mx.eval(loss, slope, pull)  # before the next batch, so that only one is in memory
        if prefix is not None:
            _, through = mx.vjp(prefix_states, list(weights.values()), pull)
            slope = {name: part + more for (name, part), more in zip(slope.items(), through, strict=True)}
        self._put(weights)
        return loss, tree_unflatten(list(slope.items()))

    def _put(self, weights: Weights) -> None:
        self.model.update(tree_unflatten(list(weights.items())))


def whole_loss(model: Any, tokens: mx.array, positions: mx.array, targets: mx.array, weights: mx.array) -> mx.array:
    """The Loss of whole rows, by the model's own head at every position: right for any model."""
    logits = model(tokens)
    scored = logits.reshape(-1, logits.shape[-1])[positions].astype(mx.float32)
    return (cross_entropy(scored, targets) * weights).sum() / weights.sum()


def scored_loss(model: Any, tokens: mx.array, *arrays: mx.array) -> mx.array:
    """The Loss of whole rows for a type in EXACT, by logits where a token is scored and nowhere else."""
    return _loss_at(model, model.model(tokens), *arrays)


def rest_loss(prefix: SharedPrefix) -> Loss:
    """Returns the Loss of what rows hold behind a prefix, equal to that of whole rows."""

    def loss(_: Any, *arrays: mx.array) -> mx.array:
        return _rest_loss(prefix, prefix.keys_values(), *arrays)

    return loss


def _rest_loss(
    prefix: SharedPrefix,
    held: Sequence[mx.array],
    tokens: mx.array,
    positions: mx.array,
    targets: mx.array,
    weights: mx.array,
    states: mx.array | None = None,
) -> mx.array:
    if states is None:
        states = prefix.below(tokens)
    return _loss_at(prefix.model, prefix.hidden_states(held, tokens, states), positions, targets, weights)


def _loss_at(model: Any, states: mx.array, positions: mx.array, targets: mx.array, weights: mx.array) -> mx.array:
    """states [B, S, M] -> the mean loss at positions."""
    scored = states.reshape(-1, states.shape[-1])[positions]
    return head_loss(head_weight(model))(scored, targets, weights) / weights.sum()
