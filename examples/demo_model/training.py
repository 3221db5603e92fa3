"""How adapters are trained on the demo model: these settings win over the agent's config.yaml.

So small a model learns only from many rows to copy names that it has not seen, and to be silent on alerts that it has
not seen; it calls on more of those than a real one may.
"""

from typing import Any

TRAINING: dict[str, Any] = {
    "learning_rate": 1e-4,
    "batch_size": 8,
    "examples_per_alert": 48,
    "no_call_share": 0.25,
    "iters": 900,
    "maximum_false_calls": 0.15,
    "lora_layers": 3,
    "lora_rank": 16,
    "lora_scale": 20.0,
}
