"""Which alerts are held out whole: training never sees them, but another alert teaches their function."""

import hashlib
from collections.abc import Sequence

from stages.dataset.calls.remedy import Remedy

_KEY = b"agent-training unseen 20"


def held_out(remedies: Sequence[Remedy], share: float) -> set[str]:
    """Returns the names of the alerts that are held out: share of them by a keyed hash of the name alone.

    One whose function no other alert would teach is not held out.
    """
    chosen = {remedy.alert.name for remedy in remedies if is_within(remedy.alert.name, share, _KEY)}
    taught = {remedy.function.name for remedy in remedies if remedy.alert.name not in chosen}
    lost = {remedy.alert.name for remedy in remedies if remedy.function.name not in taught}
    return chosen - lost


def is_within(name: str, share: float, key: bytes) -> bool:
    """Returns whether a name is among share of all names, which never changes as others come and go."""
    return int.from_bytes(hashlib.blake2b(name.encode(), key=key, digest_size=8).digest(), "big") / 2**64 < share
