"""The evaluation's verdict, read again: whatever was wired wrongly, a bad model is not published."""

from shared import names
from shared.errors import StageError
from stages.publish.contract import Inputs


def check_verdict(inputs: Inputs) -> float:
    """Returns the model's accuracy.

    Raises StageError where it is below the minimum, whatever register said, and where there is no version's name.
    """
    if not names.is_model_version(inputs.model_version):
        expected = "a name such as v20251224-abc12345, as register returns it"
        raise StageError(f"model_version is {inputs.model_version!r}; it must be {expected}")
    accuracy = float(inputs.evaluation.report()["tuned"]["accuracy"])
    if not accuracy >= inputs.minimum_accuracy:
        found = f"its evaluation says accuracy {accuracy}, below {inputs.minimum_accuracy}"
        raise StageError(f"{inputs.model_version} came as approved, but {found}; check how the stages are wired")
    return accuracy
