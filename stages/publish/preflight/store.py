"""The store, before a training: whether it can be written and read, and keeps what is there against a second writer."""

import secrets
from collections.abc import Iterator

from stages.publish.contract import STORE_URI
from stages.publish.git.probe import Finding
from stages.publish.store.opening import open_store
from stages.publish.store.pages import StorePages
from stages.publish.store.protocol import Store

FIRST, SECOND = b"a preflight wrote this, and removes it\n", b"this must not be here\n"


def examine() -> Iterator[Finding]:
    """Yields what is found at the store, into which one small file is put, and removed."""
    store = open_store(STORE_URI.read())
    key = f".preflight-{secrets.token_hex(8)}"
    try:
        fault = _fault(store, key)
    finally:
        is_removed = store.remove(key)
    where = store.location("").rstrip("/")
    yield Finding("store", not fault, fault or f"{where} is written and read, and replaces nothing that is there")
    if not is_removed:
        remedy = "take it away, and let the account delete what begins with .preflight-"
        yield Finding("store probe", None, f"{store.location(key)} could not be removed; {remedy}")
    StorePages.of(store)


def _fault(store: Store, key: str) -> str:
    """Returns what is wrong with the store, '' for nothing. Raises StageError where it refuses."""
    if not store.write_if_absent(key, FIRST) or store.read(key) != FIRST:
        return f"{store.location(key)} was stored, and is not there as it was written; check the store's health"
    if store.write_if_absent(key, SECOND) or store.read(key) != FIRST:
        what = "replaces what is there in spite of If-None-Match, so that one run could destroy another's version"
        return f"{store.location('').rstrip('/')} {what}; use a newer server"
    return ""
