"""publish: an approved model goes to the store, into Git, and becomes the champion once it is in use there."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from shared import archive, names, stage
from shared.access.git import without_secret
from shared.access.mlflow import connected
from shared.agent_config.formats import gguf_formats
from shared.contract import MAX_TEXT_BYTES
from shared.errors import StageError
from shared.origin import Origin, check_made_from
from stages.publish.contract import STORE_URI, Inputs, Outputs
from stages.publish.formats.files import FormatFiles
from stages.publish.git import gitops
from stages.publish.git.delivery import Delivery
from stages.publish.git.deploy import Deploy
from stages.publish.git.gitops import Bump, GitopsRepository
from stages.publish.git.message import Message
from stages.publish.registered_version import RegisteredVersion, Registry
from stages.publish.servers.offer import GGUF_FILES, Offer
from stages.publish.servers.probe import Probe
from stages.publish.servers.serving import Serving
from stages.publish.signing.key import read_signing_key
from stages.publish.store.bundle import Bundle, Saved, files_of
from stages.publish.store.manifest import Manifest
from stages.publish.store.opening import open_store
from stages.publish.store.pages import StorePages
from stages.publish.store.stored_version import read_manifest
from stages.publish.succession import Succession
from stages.publish.verdict import check_verdict


def run(inputs: Inputs, outputs: Path) -> Outputs:
    """Publishes the model, each step only where it was not done before. A rejected model changes nothing."""
    if not inputs.approved:
        return Outputs(_fitting(f"rejected: {inputs.decision}"), "", "", "")
    accuracy = check_verdict(inputs)
    for name, source in (("dataset", inputs.dataset), ("model", inputs.model)):
        check_made_from(inputs.evaluation, name, source)
    origin, content = Origin.of(inputs.dataset), inputs.model.content_digest()
    signing_key, store = read_signing_key(), open_store(STORE_URI.read())
    pages, deploy = StorePages.of(store), Deploy.of(inputs.dataset)
    serving = Serving.of(deploy.servers, origin.agent)
    formats = FormatFiles.of(inputs.model, serving.formats(deploy.formats))
    with connected() as client, gitops.cloned(inputs.repository, origin.agents) as repository, _folder() as folder:
        branch = repository.branches.chosen(inputs.branch)
        version = Registry.of(client, origin.agent).of_content(inputs.model_version, content)
        version.check_champion(inputs.champion)
        objection = Succession.of(version, inputs.champion).objection
        delivery = Delivery.of(deploy, origin.agent, version.name, repository, branch, objection=objection)
        serving.check()
        probe = Probe.of(inputs.dataset, inputs.evaluation, inputs.model)
        offer = Offer.prepared(inputs.model, probe, formats.write(Path(folder)), Path(folder))
        # What a server needs besides, a version that is stored already may lack: servers get what was written here.
        bundle = Bundle(files_of(inputs, offer.files), _about(inputs, origin, content), gguf_formats(deploy.formats))
        saved = bundle.save(store, signing_key)
        _say(f"{'stored' if saved.is_new else 'found'} {store.location(bundle.prefix)}{_details(saved)}")
        is_served = _serve(
            serving, inputs.model_version, offer, read_manifest(store, origin.agent, inputs.model_version)
        )
        # All this takes a while, and what Flux sees next must not replace a champion that was not compared.
        version.check_champion(inputs.champion)
        model_uri = store.location(bundle.prefix)
        bump = delivery.bump(Message.of(inputs, origin, content), model_uri)
        _say(f"{'pushed' if bump.is_new else 'found'} commit {bump.commit} on {bump.branch}")
        is_tagged = _promote(version, repository, branch) if bump.is_deployed else version.propose()
        _prune(serving, version, repository.deployed(origin.agent, branch))
    is_new = saved.changed or is_served or bump.is_new or is_tagged
    outcome = _fitting(_outcome(inputs, origin.agent, bump, is_new, accuracy, model_uri))
    return Outputs(outcome, model_uri, pages.of_folder(bundle.prefix), bump.commit)


def _folder() -> TemporaryDirectory[str]:
    return TemporaryDirectory(prefix="publish-")


def _serve(serving: Serving, version: str, offer: Offer, manifest: Manifest | None) -> bool:
    """Brings the version to each server and asks it. Returns whether anything changed there."""
    if not serving.pushed:
        return False
    if not offer.probe.rows:
        raise StageError(
            "evaluate answered no row of this dataset, so no server can be asked; pass one run's artefacts"
        )
    stored = [file.sha256 for name, file in manifest.files.items() if name in GGUF_FILES] if manifest else []
    done = []
    for served in serving.place(version, offer.served(stored), offer.probe, offer.reader):
        _say(served.told)
        done.append(served.is_new)
    return any(done)


def _prune(serving: Serving, version: RegisteredVersion, deployed: str) -> None:
    """Takes older versions away from the servers, but none that is in use, was before, or waits to be merged."""
    known = version.registry.versions() if serving.pushed else []
    used = {version.name, deployed, *(version.registry.at(alias) for alias in (names.CHAMPION, names.PREVIOUS))}
    waiting = {one.name for one in known if one.status == names.PROPOSED}
    for told in serving.prune([one.name for one in known], used | waiting):
        _say(told)


def _promote(version: RegisteredVersion, repository: GitopsRepository, branch: str) -> bool:
    """Makes the version the champion, or the one that was pushed after it. Returns whether anything changed."""
    is_changed = version.promote()
    latest = version.registry.find(repository.deployed(version.registry.agent, branch))
    if latest and latest.name != version.name and latest.status != names.REJECTED:
        latest.promote()  # of two that were approved at once, the alias of this one came last
    return is_changed


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


def _about(inputs: Inputs, origin: Origin, content: str) -> dict[str, str]:
    """Returns what the manifest says about the version."""
    return {
        "agent": origin.agent,
        "version": inputs.model_version,
        "name": names.model_name(origin.agent, inputs.model_version),
        names.CONTENT_TAG: content,
        names.DATASET_TAG: archive.digest(inputs.dataset.path),
        "source_commit": origin.commit,
    }


def _details(saved: Saved) -> str:
    mended = f", and mended {', '.join(saved.mended)}" if saved.mended else ""
    return f"{mended}{', and signed it' if saved.is_signed else ''}"


def _fitting(text: str) -> str:
    """Returns as much of text as an output may hold."""
    return text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore")


def _say(line: str) -> None:
    print(f"publish: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    stage.main("publish", run)
