"""goes back, or on, to a version that was published before"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from shared import names
from shared.errors import StageError, one_line
from stages.publish.fetch import fetch
from stages.publish.git.delivery import Delivery
from stages.publish.git.gitops import Objection
from stages.publish.git.message import Message
from stages.publish.operate.places import Places, opened
from stages.publish.registered_version import RegisteredVersion
from stages.publish.signing.key import read_verify_key
from stages.publish.store.manifest import version_prefix
from stages.publish.succession import NO_MODEL


def run(agent: str, repository: str, branch: str, version: str, reason: str) -> Iterator[str]:
    """Yields what was done: the version is verified, committed with the reason, and becomes the champion."""
    with opened(agent, repository, branch) as places:
        replaced = places.deployed()
        wanted = places.registered(version or _previous(places, replaced))
        _check_whole(places, wanted.name)
        yield f"{wanted.name} is whole in the store"
        named = places.deploy(), agent, wanted.name, places.repository, places.branch, replaced
        delivery = Delivery.of(*named, objection=_objection(replaced))
        where = places.store.location(version_prefix(agent, wanted.name))
        bump = delivery.bump(_message(places, replaced, wanted, reason), where)
        yield f"{'pushed' if bump.is_new else 'found'} commit {bump.commit} on {bump.branch} {bump.pull_request_url}"
        if not bump.is_deployed:
            yield f"once that is merged, `make reconcile AGENT={agent}` makes {wanted.name} the champion"
        elif wanted.promote() or bump.is_new:
            yield f"{wanted.name} is the champion of {agent} now; before it was {replaced or 'none'}"
        else:
            yield f"{wanted.name} is the champion of {agent} already"


def _previous(places: Places, deployed: str) -> str:
    previous = places.registry.at(names.PREVIOUS)
    if not previous or previous == deployed:
        raise StageError(f"{places.agent} has no champion before {deployed or 'this'}; name a version with VERSION=")
    return previous


def _objection(replaced: str) -> Objection:
    """Returns what objects to anything but the version that is said to be replaced."""
    expected = (replaced,) if replaced else ("", NO_MODEL)
    return lambda version: "" if version in expected else "it was put there while this ran; look at it, and run again"


def _check_whole(places: Places, version: str) -> None:
    """Raises StageError where a version is not whole in the store, or not signed where it must be."""
    with TemporaryDirectory() as folder:
        fetch(places.store, places.agent, version, Path(folder) / "model", read_verify_key())


def _message(places: Places, replaced: str, wanted: RegisteredVersion, reason: str) -> Message:
    old = places.registry.find(replaced)
    is_forward = old is None or int(wanted.number) >= int(old.number)
    told = one_line(reason).rstrip(".")
    sentences = [f"{told}." if told else "", f"It replaces {replaced or 'no model'}."]
    trailers = {"Model-Version": wanted.name, "Model-Sha256": wanted.content, "Mlflow-Run": wanted.run_id}
    return Message(
        f"Roll {places.agent} {'forward' if is_forward else 'back'} to {wanted.name}",
        " ".join(filter(None, sentences)),
        {key: one_line(value) for key, value in trailers.items() if value},
    )
