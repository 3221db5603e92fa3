"""What a training will need of memory, told before any weight is read.

By parts, an upper bound for a model whose blocks are those of Gemma 3, Llama or Qwen. Every array that a gradient needs
is counted once, as `cpu_math` keeps them; what only lives within a layer is counted for one layer. On a CPU the program
and its rows, which are there already, belong to the sum: it bounds the process's resident memory. On a GPU it bounds
what mlx counts as its peak.

Letters: P tokens of the prefix, S of a row behind it (padded), B rows at a time, M width, F width within the
feed-forward part, Q and K the widths of all queries and of all keys, V vocabulary.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import StageError
from stages.train.engine.batches import round_up
from stages.train.engine.cpu_math import BLOCK, SMALL
from stages.train.engine.head_loss import CHUNK
from stages.train.engine.prefix import EXACT, Group

_NAMES = ("hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "vocab_size")
_COPIES = 8  # of what is trained: itself, the best, AdamW's two, two gradients, and the next of two of them
_HEAD_COPIES = 2  # of the logits of a chunk
_WHOLE_COPIES, _SCORED_COPIES = 3, 4  # of the logits of whole rows, and of those of them that are scored
_ROOM, _KEPT_SHARE = 24 << 20, 10  # bytes, and a part of the arrays, that libraries and malloc take on the way


@dataclass(frozen=True)
class Dimensions:
    """A model's widths and layers. inner: within the feed-forward part. queries, keys: of all heads together.

    norms: those of the width in a layer; normed_heads: whether queries and keys have one too.
    window: how far a sliding layer sees, 0 where none slides; every full_every-th layer sees all.
    """

    hidden: int
    inner: int
    queries: int
    keys: int
    heads: int
    layers: int
    vocabulary: int
    window: int
    full_every: int
    norms: int = 4
    normed_heads: bool = True
    makes_all_logits: bool = False
    """Whether whole rows get logits at every position."""

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Dimensions | None":
        """Returns those of a configuration, None where it does not name them."""
        if any(not isinstance(settings.get(name), int) for name in _NAMES):
            return None
        hidden, inner, layers, heads, vocabulary = (settings[name] for name in _NAMES)
        size = settings.get("head_dim") or hidden // heads
        pairs = settings.get("num_key_value_heads") or heads
        window = settings.get("sliding_window") or 0
        every = settings.get("sliding_window_pattern") or 0
        kind = settings.get("model_type")
        return cls(
            *(hidden, inner, heads * size, pairs * size, heads, layers, vocabulary),
            *(window if every else 0, every or 1),
            norms=2 if kind in ("llama", "qwen2", "qwen3") else 4,
            normed_heads=kind not in ("llama", "qwen2"),
            makes_all_logits=kind not in EXACT,
        )


@dataclass(frozen=True)
class Load:
    """What a step computes at once: rows of `rest` tokens behind `prefix` shared ones, of which `scored` are scored.

    in_parts: whether a step takes several such batches, so that prefix and rows are not in memory together.
    """

    prefix: int
    rest: int
    rows: int
    in_parts: bool
    scored: int


def estimate(
    model: Dimensions, weight_bytes: int, load: Load, adapted: int, trained: int, number_bytes: int
) -> dict[str, int]:
    """Returns bytes by part. adapted: layers with adapters; trained: their numbers; number_bytes: of one number."""
    prefix = _Pass(model, 1, load.prefix, 0)
    rest = _Pass(model, load.rows, round_up(load.rest), load.prefix)
    trained_layers = range(model.layers - adapted, model.layers)
    # Nothing reads what the last layer makes of the prefix, but its keys and values.
    of_prefix = [*(prefix.kept(layer) for layer in trained_layers[:-1]), prefix.kept_of_keys()]
    of_rest = [rest.kept(layer) for layer in trained_layers]
    by_prefix, by_rest = sum(of_prefix), sum(of_rest)
    within = 3 * (max(of_prefix) + of_rest[-1]) // 4  # what a layer's backward pass makes on its way
    activations = (max(by_prefix, by_rest) if load.in_parts else by_prefix + by_rest) + within
    if adapted < model.layers:  # frozen layers run once before, one at a time, and keep nothing
        activations = max(activations, 3 * prefix.kept(0) // 2)
    if load.in_parts:  # the prefix's keys and values, and what pulls on them
        activations += 3 * 2 * model.keys * load.prefix * model.layers
    return {
        "weights": weight_bytes,
        "adapters and optimizer": _COPIES * trained * 4,
        "activations": activations * number_bytes,
        "head": _head(model, load),
    }


def _head(model: Dimensions, load: Load) -> int:
    """Returns the bytes of logits, float32, and of the states that they are made of."""
    scored = round_up(load.rows * load.scored)
    logits = _HEAD_COPIES * min(CHUNK, scored)
    if model.makes_all_logits and not load.prefix:
        logits = _WHOLE_COPIES * load.rows * round_up(load.rest) + _SCORED_COPIES * scored
    return 4 * (logits * model.vocabulary + 4 * scored * model.hidden)


@dataclass(frozen=True)
class _Pass:
    """Rows of so many tokens that go through the layers, behind so many that went before."""

    model: Dimensions
    rows: int
    length: int
    before: int

    def kept(self, layer: int) -> int:
        """Returns how many numbers of one layer are kept for the gradients."""
        if not self.length:
            return 0
        m = self.model
        linear = self._linear(m.hidden, m.queries) + 2 * self._linear(m.hidden, m.keys)
        linear += self._linear(m.queries, m.hidden) + 2 * self._linear(m.hidden, m.inner)
        linear += self._linear(m.inner, m.hidden)
        heads = self._norm(m.queries) + self._norm(m.keys) if m.normed_heads else 0
        norms = m.norms * self._norm(m.hidden) + heads
        turned = self._turn(m.queries) + self._turn(m.keys)
        others = 2 * m.hidden + 3 * m.inner + 2 * m.queries  # sums; activation and product; attention's, twice
        return linear + norms + turned + self._tokens * others + self._attention(layer)

    def kept_of_keys(self) -> int:
        """Returns how many numbers of a layer's keys and values are kept, and of nothing else of it."""
        m = self.model
        heads = self._norm(m.keys) if m.normed_heads else 0
        return 2 * self._linear(m.hidden, m.keys) + self._norm(m.hidden) + heads + self._turn(m.keys)

    @property
    def _tokens(self) -> int:
        return self.rows * self.length

    def _linear(self, given: int, made: int) -> int:
        return (4 if self._tokens * given < SMALL else 1) * self._tokens * made

    def _norm(self, width: int) -> int:
        return (3 if self._tokens * width < SMALL else 1) * self._tokens * width

    def _turn(self, width: int) -> int:
        return (5 if self._tokens * width < SMALL else 1) * self._tokens * width

    def _attention(self, layer: int) -> int:
        """Chances, and copies: of queries in blocks, and of keys and values behind a prefix."""
        m = self.model
        window = m.window if m.window and (layer + 1) % m.full_every else self.before + self.length
        before = min(self.before, window - 1)
        starts = range(0, self.length, BLOCK)
        blocks = [(start, min(start + BLOCK, self.length)) for start in starts]
        chances = sum((end - start) * min(before + end, window + BLOCK) for start, end in blocks)
        queries = 3 * m.queries * self._tokens if len(blocks) > 1 else 0
        keys = 2 * m.keys * self.rows * (before + self.length) if self.before else 0
        return self.rows * m.heads * chances + queries + keys


def loads_of(groups: Sequence[Group], batch: int, micro: int) -> list[Load]:
    """Returns what each group with rows computes at once, with its longest row and its longest completion."""
    return [
        Load(
            prefix=len(group.prefix),
            rest=max(len(row.tokens) for row in group.rows) - len(group.prefix) - 1,
            rows=min(micro, len(group.rows)),
            in_parts=micro < min(batch, len(group.rows)),
            scored=max(len(row.tokens) - row.prompt_length for row in group.rows),
        )
        for group in groups
        if group.rows
    ]


def kept_states(model: Dimensions, groups: Sequence[Group], number_bytes: int) -> int:
    """Returns the bytes of what frozen layers make of all rows behind their prefixes."""
    tokens = sum(len(row.tokens) - len(group.prefix) - 1 for group in groups if group.prefix for row in group.rows)
    return tokens * model.hidden * number_bytes


def with_program(parts: Mapping[str, int], resident: int) -> dict[str, int]:
    """Returns the parts and what the process takes beside its arrays; resident: the bytes that it takes already."""
    return {**parts, "program and rows": resident + _ROOM + sum(parts.values()) // _KEPT_SHARE}


def check_memory(parts: Mapping[str, int], available: int) -> str:
    """Returns what the parts are, in words for the log. Raises StageError where they are more than there is."""
    total = sum(parts.values())
    told = ", ".join(f"{name} {_gibibytes(count)}" for name, count in parts.items())
    if total > available:
        reason = f"training needs up to {_gibibytes(total)} of memory ({told}), and there are {_gibibytes(available)}"
        raise StageError(f"{reason}; lower micro_batch_size, which is the rows at a time, or lora_layers")
    return f"memory: at most {_gibibytes(total)} ({told}) of {_gibibytes(available)}"


def _gibibytes(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"
