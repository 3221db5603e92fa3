"""How adapters are trained on the demo model: these settings win over the agent's config.yaml."""

from typing import Any

TRAINING: dict[str, Any] = {
    "learning_rate": 4e-4,
    "batch_size": 8,
    "iters": 450,
    "lora_layers": 3,
    "lora_rank": 8,
    "lora_scale": 20.0,
}
