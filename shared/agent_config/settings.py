"""Every setting that an agent's config.yaml may hold and a stage takes as input, declared once.

Stages take them into their Inputs with a default of their own; dataset checks config.yaml by them.
"""

from typing import Annotated, Any

from shared.contract import above, at_least, at_most, one_of

ExamplesPerAlert = Annotated[int, "rows made of each alert, over all splits", at_least(3), at_most(1000)]
NoCallShare = Annotated[float, "share of the rows whose answer is no call", at_least(0), at_most(0.5)]
RenamedShare = Annotated[
    float, "share of the notifications with another name of the alert, or none", at_least(0), at_most(1)
]
UnseenAlertsShare = Annotated[float, "share of the alerts that training never sees", at_least(0), at_most(0.5)]
MaxFunctionShare = Annotated[float, "most that one function may have of the training rows", above(0), at_most(1)]
ModelName = Annotated[str, "a Hugging Face id, or the path of a local folder"]
ModelRevision = Annotated[str, "the hub revision, best a commit; empty for the newest"]
Dtype = Annotated[str, "the type of the weights", one_of("float32", "bfloat16", "float16")]
LearningRate = Annotated[float, "the step size of AdamW", above(0), at_most(1)]
BatchSize = Annotated[int, "rows a step", at_least(1)]
Iters = Annotated[int, "steps", at_least(1)]
Epochs = Annotated[int, "passes over the training rows, instead of iters; 0: iters decides", at_least(0)]
LearningSchedule = Annotated[
    str, "how the step size goes on: as it is, or down to a tenth", one_of("constant", "cosine")
]
WarmupIters = Annotated[int, "first steps, over which the step size rises from nothing", at_least(0)]
MaxGradientNorm = Annotated[float, "a longer gradient is shortened to this; 0: none is", at_least(0)]
MicroBatchSize = Annotated[int, "rows at a time, where a batch does not fit in memory; 0: all", at_least(0)]
ValidateEvery = Annotated[int, "steps between validations; 0: a fifth of all", at_least(0)]
Patience = Annotated[int, "validations without a better loss after which training ends; 0: never", at_least(0)]
LoraLayers = Annotated[int, "layers that get adapters, from the last one down", at_least(1)]
LoraRank = Annotated[int, "rank of the adapters", at_least(1)]
LoraModules = Annotated[str, "linear layers that get adapters, such as q_proj,v_proj; empty: all"]
LoraScale = Annotated[float, "factor of the adapters' output; not divided by the rank", above(0)]
MaxSeqLength = Annotated[int, "most tokens of a row; a longer row is refused, never cut", at_least(16)]
Seed = Annotated[int, "draws rows, their order and the adapters' start; never moves a row's split", at_least(0)]
MinimumAccuracy = Annotated[float, "the least accuracy that may be published", at_least(0), at_most(1)]
AccuracyMargin = Annotated[
    float, "how much less accurate than the champion it may be, on the rows that both answered", at_least(0), at_most(1)
]
MaximumFalseCalls = Annotated[
    float,
    "the largest share of the rows that want no call, of the test and of uncovered alerts, that may get one",
    at_least(0),
    at_most(1),
]
MaximumMissedCalls = Annotated[
    float, "the largest share of the test rows that want a call that may get none", at_least(0), at_most(1)
]
MaximumLatency = Annotated[
    float, "the most milliseconds that 95 of 100 single requests may take; 0: no ceiling", at_least(0)
]
Floor = Annotated[float, "the least share of a function's test rows that must be right", at_least(0), at_most(1)]
RetrainBelow = Annotated[
    float,
    "the agent is trained again when the champion's stored answers are right in a lesser share by today's runbook",
    at_least(0),
    at_most(1),
]
MostUnseenAlerts = Annotated[
    int, "it is trained again when today's runbook has more alerts that the champion never saw", at_least(0)
]
RetrainAfterDays = Annotated[int, "it is trained again when the champion is older; 0: never for its age", at_least(0)]
CoolDownHours = Annotated[
    float, "hours after a start in which only force_retrain starts another", at_least(0), at_most(8784)
]
LiveMetric = Annotated[str, "a PromQL expression of one number, read where PROMETHEUS_URL is set; empty: none"]
LiveMetricMinimum = Annotated[float, "the agent is trained again when the live metric is below"]

TRAINING: dict[str, Any] = {
    "model_name": ModelName,
    "model_revision": ModelRevision,
    "dtype": Dtype,
    "examples_per_alert": ExamplesPerAlert,
    "no_call_share": NoCallShare,
    "renamed_share": RenamedShare,
    "unseen_alerts_share": UnseenAlertsShare,
    "max_function_share": MaxFunctionShare,
    "learning_rate": LearningRate,
    "batch_size": BatchSize,
    "iters": Iters,
    "epochs": Epochs,
    "learning_schedule": LearningSchedule,
    "warmup_iters": WarmupIters,
    "max_gradient_norm": MaxGradientNorm,
    "micro_batch_size": MicroBatchSize,
    "validate_every": ValidateEvery,
    "patience": Patience,
    "lora_layers": LoraLayers,
    "lora_rank": LoraRank,
    "lora_scale": LoraScale,
    "lora_modules": LoraModules,
    "max_seq_length": MaxSeqLength,
    "seed": Seed,
}
"""The keys of config.yaml's block `training`."""

GATE: dict[str, Any] = {
    "minimum_accuracy": MinimumAccuracy,
    "accuracy_margin": AccuracyMargin,
    "maximum_false_calls": MaximumFalseCalls,
    "maximum_missed_calls": MaximumMissedCalls,
    "maximum_latency_ms": MaximumLatency,
}
"""The keys of config.yaml's block `gate` that are inputs; its `floors`, of a share each, travel in agent.json."""

WATCH: dict[str, Any] = {
    "retrain_below": RetrainBelow,
    "most_unseen_alerts": MostUnseenAlerts,
    "retrain_after_days": RetrainAfterDays,
    "cool_down_hours": CoolDownHours,
    "live_metric": LiveMetric,
    "live_metric_minimum": LiveMetricMinimum,
}
"""The keys of config.yaml's block `watch`."""
