"""What publishing will need, and who examines it: a place each, all at once."""

from functools import partial

from stages.publish.preflight import git, keys, registry, store
from stages.publish.preflight.contract import Inputs
from stages.publish.preflight.examination import Examination


def start(examination: Examination, inputs: Inputs) -> None:
    """Begins to examine all places. Git's config.yaml names more of them, which are added when it is read."""
    examination.start("mlflow", partial(registry.examine, inputs.agent_name))
    examination.start("store", store.examine)
    examination.start("model key", keys.examine)
    examination.start("git", partial(git.examine, inputs, examination))
