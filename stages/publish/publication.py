"""One version on its way into use: what may refuse it is asked first; then each step changes one place."""

import sys
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient

from shared import archive, names
from shared.agent_config.formats import gguf_formats
from shared.errors import StageError
from shared.origin import Origin
from stages.publish.contract import STORE_URI, Inputs
from stages.publish.formats.files import FormatFiles
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
from stages.publish.store.opening import open_store
from stages.publish.store.pages import StorePages
from stages.publish.store.protocol import Store
from stages.publish.store.stored_version import read_manifest
from stages.publish.succession import Succession


@dataclass(frozen=True)
class Publication:
    """A version, and the places that it goes to. Each step changes only what was not done before.

    content: the digest of the model's files. signing_key: PEM; empty where nothing is signed.
    """

    inputs: Inputs
    origin: Origin
    content: str
    version: RegisteredVersion
    repository: GitopsRepository
    branch: str
    delivery: Delivery
    serving: Serving
    offer: Offer
    bundle: Bundle
    store: Store
    pages: StorePages
    signing_key: str

    @classmethod
    def checked(
        cls, inputs: Inputs, origin: Origin, client: MlflowClient, repository: GitopsRepository, folder: Path
    ) -> "Publication":
        """Returns the publication, before anything has changed. folder: for what servers need besides the model.

        Raises StageError where a place refuses the version, or cannot be reached.
        """
        signing_key, store = read_signing_key(), open_store(STORE_URI.read())
        pages = StorePages.of(store)
        deploy = Deploy.of(inputs.dataset)
        serving = Serving.of(deploy.servers, origin.agent)
        formats = FormatFiles.of(inputs.model, serving.formats(deploy.formats))
        content = inputs.model.content_digest()
        branch = repository.branches.chosen(inputs.branch)
        version = Registry.of(client, origin.agent).of_content(inputs.model_version, content)
        version.check_champion(inputs.champion)
        objection = Succession.of(version, inputs.champion).objection
        delivery = Delivery.of(deploy, origin.agent, version.name, repository, branch, objection=objection)
        serving.check()
        probe = Probe.of(inputs.dataset, inputs.evaluation, inputs.model)
        offer = Offer.prepared(inputs.model, probe, formats.write(folder), folder)
        # What a server needs besides, a version that is stored already may lack: servers get what was written here.
        bundle = Bundle(files_of(inputs, offer.files), _about(inputs, origin, content), gguf_formats(deploy.formats))
        places = repository, branch, delivery, serving, offer, bundle, store, pages, signing_key
        return cls(inputs, origin, content, version, *places)

    @property
    def model_uri(self) -> str:
        """Where the version lies in the store."""
        return self.store.location(self.bundle.prefix)

    @property
    def model_page(self) -> str:
        """Where a person finds it there."""
        return self.pages.of_folder(self.bundle.prefix)

    def store_files(self) -> bool:
        """Returns whether anything changed in the store."""
        saved = self.bundle.save(self.store, self.signing_key)
        _say(f"{'stored' if saved.is_new else 'found'} {self.model_uri}{_details(saved)}")
        return saved.changed

    def serve(self) -> bool:
        """Brings the version to each server and asks it. Returns whether anything changed there."""
        if not self.serving.pushed:
            return False
        if not self.offer.probe.rows:
            reason = "evaluate answered no row of this dataset, so no server can be asked; pass one run's artefacts"
            raise StageError(reason)
        manifest = read_manifest(self.store, self.origin.agent, self.version.name)
        stored = [file.sha256 for name, file in manifest.files.items() if name in GGUF_FILES] if manifest else []
        done = []
        for served in self.serving.place(
            self.version.name, self.offer.served(stored), self.offer.probe, self.offer.reader
        ):
            _say(served.told)
            done.append(served.is_new)
        return any(done)

    def bump_version(self) -> Bump:
        """Lets Git name the version. Raises StageError where another has become the champion meanwhile."""
        # All this takes a while, and what Flux sees next must not replace a champion that was not compared.
        self.version.check_champion(self.inputs.champion)
        message = Message.of(self.inputs, self.origin, self.content)
        bump = self.delivery.bump(message, self.model_uri)
        _say(f"{'pushed' if bump.is_new else 'found'} commit {bump.commit} on {bump.branch}")
        return bump

    def promote(self, bump: Bump) -> bool:
        """Makes the version the champion, or the one that was pushed after it; what waits for a merge is proposed.

        Returns whether anything changed.
        """
        if not bump.is_deployed:
            return self.version.propose()
        is_changed = self.version.promote()
        latest = self.version.registry.find(self._deployed())
        if latest and latest.name != self.version.name and latest.status != names.REJECTED:
            latest.promote()  # of two that were approved at once, the alias of this one came last
        return is_changed

    def prune(self) -> None:
        """Takes older versions away from the servers, but none that is in use, was before, or waits to be merged."""
        registry = self.version.registry
        known = registry.versions() if self.serving.pushed else []
        used = {self.version.name, self._deployed(), *map(registry.at, (names.CHAMPION, names.PREVIOUS))}
        waiting = {one.name for one in known if one.status == names.PROPOSED}
        for told in self.serving.prune([one.name for one in known], used | waiting):
            _say(told)

    def _deployed(self) -> str:
        return self.repository.deployed(self.origin.agent, self.branch)


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


def _say(line: str) -> None:
    print(f"publish: {line}", file=sys.stderr, flush=True)
