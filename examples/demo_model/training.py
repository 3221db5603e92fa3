"""How adapters are trained on the demo model: these settings win over the agent's config.yaml."""

from typing import Any

TRAINING: dict[str, Any] = {
    "learning_rate": 1e-3,
    "batch_size": 16,
    "iters": 200,
    "lora_layers": 3,
    "lora_rank": 8,
    "lora_scale": 20.0,
}
