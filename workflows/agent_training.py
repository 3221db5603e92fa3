"""The workflow: runbook → dataset, base model → train → evaluate → register → publish. Wiring only."""

from typing import NamedTuple

from flytekit import workflow

from shared.artifacts import Evaluation
from stages.convert.contract import Inputs as ConvertInputs
from stages.dataset.contract import Inputs as DatasetInputs
from stages.evaluate.contract import Inputs as EvaluateInputs
from stages.publish.contract import Inputs as PublishInputs
from stages.register.contract import Inputs as RegisterInputs
from stages.train.contract import Inputs as TrainInputs
from workflows.tasks import file_of, stage_task

dataset, convert, train = stage_task("dataset"), stage_task("convert"), stage_task("train")
evaluate, register, publish = stage_task("evaluate"), stage_task("register"), stage_task("publish")

EvaluationFile = file_of(Evaluation)


class Result(NamedTuple):
    """What an execution shows; `outcome` first."""

    outcome: str
    accuracy: float
    accuracy_before: float
    decision: str
    model_version: str
    model_uri: str
    bump_commit: str
    run_id: str
    evaluation: EvaluationFile  # type: ignore[valid-type]


@workflow
def agent_training_pipeline(
    agent_name: str,
    repository: str,
    model_name: str = ConvertInputs.model_name,
    runbook_path: str = DatasetInputs.runbook_path,
    learning_rate: float = TrainInputs.learning_rate,
    batch_size: int = TrainInputs.batch_size,
    iters: int = TrainInputs.iters,
    epochs: int = TrainInputs.epochs,
    learning_schedule: str = TrainInputs.learning_schedule,
    warmup_iters: int = TrainInputs.warmup_iters,
    max_gradient_norm: float = TrainInputs.max_gradient_norm,
    micro_batch_size: int = TrainInputs.micro_batch_size,
    validate_every: int = TrainInputs.validate_every,
    patience: int = TrainInputs.patience,
    lora_layers: int = TrainInputs.lora_layers,
    lora_rank: int = TrainInputs.lora_rank,
    lora_scale: float = TrainInputs.lora_scale,
    lora_modules: str = TrainInputs.lora_modules,
    max_seq_length: int = TrainInputs.max_seq_length,
    examples_per_alert: int = DatasetInputs.examples_per_alert,
    no_call_share: float = DatasetInputs.no_call_share,
    renamed_share: float = DatasetInputs.renamed_share,
    grouped_share: float = DatasetInputs.grouped_share,
    unseen_alerts_share: float = DatasetInputs.unseen_alerts_share,
    max_function_share: float = DatasetInputs.max_function_share,
    seed: int = TrainInputs.seed,
    minimum_accuracy: float = RegisterInputs.minimum_accuracy,
    accuracy_margin: float = RegisterInputs.accuracy_margin,
    maximum_latency_ms: float = RegisterInputs.maximum_latency_ms,
    max_tokens: int = EvaluateInputs.max_tokens,
    model_revision: str = ConvertInputs.model_revision,
    dtype: str = ConvertInputs.dtype,
    revision: str = DatasetInputs.revision,
    branch: str = PublishInputs.branch,
) -> Result:
    """Train, evaluate, register and publish the model of one agent from its runbook."""
    rows = dataset(
        agent_name=agent_name,
        repository=repository,
        revision=revision,
        runbook_path=runbook_path,
        examples_per_alert=examples_per_alert,
        no_call_share=no_call_share,
        renamed_share=renamed_share,
        grouped_share=grouped_share,
        unseen_alerts_share=unseen_alerts_share,
        max_function_share=max_function_share,
        seed=seed,
    )
    base = convert(model_name=model_name, model_revision=model_revision, dtype=dtype)
    trained = train(
        dataset=rows.dataset,
        model=base.model,
        learning_rate=learning_rate,
        batch_size=batch_size,
        iters=iters,
        epochs=epochs,
        learning_schedule=learning_schedule,
        warmup_iters=warmup_iters,
        max_gradient_norm=max_gradient_norm,
        micro_batch_size=micro_batch_size,
        validate_every=validate_every,
        patience=patience,
        lora_layers=lora_layers,
        lora_rank=lora_rank,
        lora_scale=lora_scale,
        lora_modules=lora_modules,
        max_seq_length=max_seq_length,
        seed=seed,
    )
    measured = evaluate(
        dataset=rows.dataset,
        base_model=base.model,
        model=trained.model,
        metrics=trained.metrics,
        max_tokens=max_tokens,
    )
    registered = register(
        dataset=rows.dataset,
        model=trained.model,
        adapters=trained.adapters,
        metrics=trained.metrics,
        evaluation=measured.evaluation,
        minimum_accuracy=minimum_accuracy,
        accuracy_margin=accuracy_margin,
        maximum_latency_ms=maximum_latency_ms,
    )
    published = publish(
        dataset=rows.dataset,
        model=trained.model,
        adapters=trained.adapters,
        evaluation=measured.evaluation,
        card=registered.card,
        repository=repository,
        approved=registered.approved,
        decision=registered.decision,
        model_version=registered.model_version,
        champion=registered.champion,
        run_id=registered.run_id,
        minimum_accuracy=minimum_accuracy,
        branch=branch,
    )
    return Result(
        outcome=published.outcome,
        accuracy=measured.accuracy,
        accuracy_before=measured.accuracy_before,
        decision=registered.decision,
        model_version=registered.model_version,
        model_uri=published.model_uri,
        bump_commit=published.bump_commit,
        run_id=registered.run_id,
        evaluation=measured.evaluation,
    )
