"""checks Git, registry, store, signature and servers of the version that is rolled out, one line a check"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from shared import names
from shared.errors import StageError
from stages.publish.fetch import fetch
from stages.publish.git.rollout import Rollout
from stages.publish.operate.lambda_agent import running
from stages.publish.operate.places import Places, opened
from stages.publish.operate.serving import served
from stages.publish.registered_version import RegisteredVersion
from stages.publish.servers.serving import Serving
from stages.publish.signing.key import read_verify_key
from stages.publish.store.manifest import Manifest, version_prefix
from stages.publish.store.stored_version import check_blobs, read_manifest

MARKS = {True: "ok", False: "FAILED", None: "--"}


@dataclass(frozen=True)
class Check:
    """What was looked at, whether it is as it should be (None: it was not looked at), and what was found."""

    name: str
    holds: bool | None
    found: str

    def __str__(self) -> str:
        return f"{MARKS[self.holds]:<7} {self.name:<10} {self.found}"


def run(agent: str, repository: str, branch: str) -> Iterator[str]:
    """Yields a line a check. Raises StageError at the end where one of them failed."""
    with opened(agent, repository, branch) as places:
        made = []
        for check in checks(places):
            made.append(check.holds)
            yield str(check)
    if failed := made.count(False):
        raise StageError(f"{failed} of {len(made)} checks of {agent} failed")


def checks(places: Places) -> Iterator[Check]:
    """Yields every check of the version that Git names, and what waits to be rolled out."""
    version = places.deployed()
    if version:
        registered = places.registry.find(version)
        yield _git(places, version)
        yield from _overlays(places, version)
        yield _registry(places, version, registered)
        yield from _store(places, version, registered)
    else:
        yield Check("git", None, f"MODEL_VERSION of {places.agent} on {places.branch} names no model yet")
    for waiting in places.registry.versions():
        if waiting.status == names.PROPOSED and waiting.name != version:
            yield Check("waiting", None, f"{waiting.name} is published, not deployed: nobody has merged its branch yet")


def _git(places: Places, version: str) -> Check:
    try:
        fields = places.deploy().fields
        rollout = Rollout(places.agent, version, fields, places.repository.shown, places.repository.agents)
        agrees = places.repository.is_rolled_out(rollout, places.branch)
    except StageError as error:
        return Check("git", False, f"MODEL_VERSION names {version}, but {error}")
    if not agrees:
        files = ", ".join(sorted({field.file for field in fields}))
        return Check("git", False, f"MODEL_VERSION names {version}, but a field of deploy in {files} does not")
    agreeing = f", and so do {len(fields)} YAML fields" if fields else ""
    return Check("git", True, f"MODEL_VERSION on {places.branch} names {version}{agreeing}")


def _overlays(places: Places, version: str) -> Iterator[Check]:
    """Yields whether the overlays that config.yaml names, as rendered at the branch's tip, name the version."""
    try:
        deploy = places.deploy()
    except StageError:
        return  # the check of Git has told it
    if not deploy.overlays:
        return
    repository = places.repository
    rollout = Rollout(places.agent, version, deploy.fields, repository.shown, repository.agents, deploy.overlays)
    faults = repository.overlay_faults(rollout, places.branch, after_bump=False)
    agreeing = f"{', '.join(deploy.overlays)}, as kustomize renders them, name {version}"
    yield Check("overlays", not faults, "; ".join(faults) or agreeing)


def _registry(places: Places, version: str, registered: RegisteredVersion | None) -> Check:
    model, champion = places.registry.model, places.registry.at(names.CHAMPION)
    if registered is None:
        return Check("registry", False, f"MLflow has no version {version} of {model}")
    told = f"version {registered.number} of {model}"
    if registered.status == names.REJECTED:
        return Check("registry", False, f"{told} was rejected: {registered.decision}")
    if champion != version:
        remedy = f"`make reconcile AGENT={places.agent}` moves the alias"
        return Check("registry", False, f"{told} is not the champion, which is {champion or 'none'}; {remedy}")
    if registered.status != names.PUBLISHED:
        remedy = f"`make reconcile AGENT={places.agent}` writes it"
        return Check("registry", False, f"{told} is the champion, but not marked as {names.PUBLISHED}; {remedy}")
    return Check("registry", True, f"{told} is the champion, and {names.PUBLISHED}")


def _store(places: Places, version: str, registered: RegisteredVersion | None) -> Iterator[Check]:
    try:
        manifest = read_manifest(places.store, places.agent, version)
    except StageError as error:
        yield Check("store", False, str(error))
        return
    if manifest is None:
        where = places.store.location(version_prefix(places.agent, version))
        yield Check("store", False, f"{where} holds no manifest.json; publish {version} again, or roll back")
        return
    damaged = check_blobs(places.store, manifest)
    size = sum(file.size for file in manifest.files.values()) / 1e6
    whole = f"{len(manifest.files)} files, {size:.1f} MB, each with the manifest's sha256"
    yield Check("store", not damaged, "; ".join(damaged) or whole)
    yield _content(manifest, registered)
    yield Check("signature", None, "not checked, as files are damaged") if damaged else _signature(places, version)
    yield from _servers(places, version, manifest)


def _servers(places: Places, version: str, manifest: Manifest) -> Iterator[Check]:
    try:
        deploy = places.deploy()
    except StageError:
        yield Check("server", None, "not asked, as config.yaml cannot be used")
        return
    try:
        for each in served(places, Serving.of(deploy.servers, places.agent), version, manifest):
            yield Check("server", each.holds, each.found)
    except StageError as error:  # a token that cannot be used
        yield Check("server", False, str(error))
    named = {each.model(places.agent, version) for each in deploy.servers}
    named |= {field.filled(places.agent, version) for field in deploy.fields}
    for one in running(places.agent, named):
        yield Check("cluster", one.holds, one.found)


def _content(manifest: Manifest, registered: RegisteredVersion | None) -> Check:
    stored = manifest.about[names.CONTENT_TAG]
    if registered is None:
        return Check("content", None, f"sha256 {stored[:12]} in the store, nothing in MLflow to compare with")
    if stored != registered.content:
        return Check("content", False, f"sha256 {stored[:12]} in the store, but {registered.content[:12]} in MLflow")
    return Check("content", True, f"sha256 {stored[:12]}, in the store as in MLflow")


def _signature(places: Places, version: str) -> Check:
    key = read_verify_key()
    if not key:
        return Check("signature", None, "not checked, as no VERIFY_KEY is set")
    with TemporaryDirectory() as folder:
        try:
            fetch(places.store, places.agent, version, Path(folder) / "model", key)
        except StageError as error:
            return Check("signature", False, str(error))
    return Check("signature", True, "made with the key of VERIFY_KEY, over exactly these files")
