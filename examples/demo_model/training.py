"""How adapters are trained on the demo model: these settings win over the agent's config.yaml.

So small a model learns to copy names that it has not seen only from many.
"""

from typing import Any

TRAINING: dict[str, Any] = {
    "learning_rate": 4e-4,
    "batch_size": 8,
    "examples_per_alert": 48,
    "iters": 800,
    "lora_layers": 3,
    "lora_rank": 8,
    "lora_scale": 20.0,
}
