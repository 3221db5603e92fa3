"""publish: an approved model goes to the store, into Git, and becomes the champion once it is in use there."""

from pathlib import Path
from tempfile import TemporaryDirectory

from shared import stage
from shared.access.git import without_secret
from shared.access.mlflow import connected
from shared.contract import MAX_TEXT_BYTES
from shared.origin import Origin, check_made_from
from stages.publish.contract import Inputs, Outputs
from stages.publish.git import gitops
from stages.publish.git.gitops import Bump
from stages.publish.publication import Publication
from stages.publish.verdict import check_verdict


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Publishes the model, each step only where it was not done before. A rejected model changes nothing."""
    if not inputs.approved:
        return Outputs(_fitting(f"rejected: {inputs.decision}"), "", "", "")
    accuracy = check_verdict(inputs)
    for name, source in (("dataset", inputs.dataset), ("model", inputs.model)):
        check_made_from(inputs.evaluation, name, source)
    origin = Origin.of(inputs.dataset)
    with connected() as client, gitops.cloned(inputs.repository, origin.agents) as repository, _folder() as folder:
        publication = Publication.checked(inputs, origin, client, repository, Path(folder))
        is_stored = publication.store_files()
        is_served = publication.serve()
        bump = publication.bump_version()
        is_tagged = publication.promote(bump)
        publication.prune()
    is_new = is_stored or is_served or bump.is_new or is_tagged
    outcome = _fitting(_outcome(inputs, origin.agent, bump, is_new, accuracy, publication.model_uri))
    return Outputs(outcome, publication.model_uri, publication.model_page, bump.commit)


def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="publish-")


def _outcome(inputs: Inputs, agent: str, bump: Bump, is_new: bool, accuracy: float, model_uri: str) -> str:
    """Returns the sentence for what was done, or had been done before."""
    done = "published" if bump.is_deployed else "proposed"
    where = f"in {without_secret(inputs.repository)} on {bump.branch}"
    told = f"accuracy {accuracy:.2f}, stored at {model_uri}, MODEL_VERSION bumped {where}"
    sentence = f"{done} {inputs.model_version}: {told}" if is_new else f"already {done}: {inputs.model_version}"
    if bump.is_deployed:
        return sentence
    waiting = f"waiting for the merge{f' of {bump.pull_request_url}' if bump.pull_request_url else ''}"
    return f"{sentence}, {waiting}; `make reconcile AGENT={agent}` makes it the champion afterwards"


def _fitting(text: str) -> str:
    """Returns as much of text as an output may hold."""
    return text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")


if __name__ == "__main__":
    stage.main("publish", run)
