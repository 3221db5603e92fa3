"""MLflow's model stages, for those who still read them: they follow the aliases, where `MLFLOW_STAGES` says so.

Stages are deprecated (https://mlflow.org/docs/latest/model-registry.html#migrating-from-stages);
what this project decides by is aliases alone.
"""

import warnings
from typing import Any

from shared.contract import Variable
from shared.errors import StageError

STAGING, PRODUCTION, ARCHIVED = "Staging", "Production", "Archived"
MLFLOW_STAGES = Variable("MLFLOW_STAGES", "true moves versions through MLflow's stages too; the default is false")

_HOLD_ONE = (STAGING, PRODUCTION)  # as only one version has the alias that such a stage stands for
_WORDS = {"": False, "false": False, "true": True}


def follow_aliases() -> bool:
    """Returns whether stages are to follow the aliases. Raises StageError where the environment says neither."""
    text = MLFLOW_STAGES.read()
    if text.lower() not in _WORDS:
        raise StageError(f"the environment variable MLFLOW_STAGES is {text!r:.80}; it must be true or false")
    return _WORDS[text.lower()]


def move(client: Any, model: str, number: str, stage: str) -> bool:
    """Moves a version of a registered model to a stage, unless it is there. Returns whether anything changed.

    client: MLflow's. What was in `Staging` or `Production` before goes to `Archived` in the same step.
    """
    if client.get_model_version(model, number).current_stage == stage:
        return False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        client.transition_model_version_stage(model, number, stage, archive_existing_versions=stage in _HOLD_ONE)
    return True
