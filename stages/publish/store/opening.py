"""Which store an address names: a folder, or a bucket."""

from urllib.parse import urlsplit

from shared.access.git import without_secret
from shared.errors import StageError
from stages.publish.store.protocol import Store


def open_store(uri: str, to_write: bool = True) -> Store:
    """Returns the store of a STORE_URI.

    to_write: a bucket is asked for what writing needs, before any work. Raises StageError for an address that is
    not known, and for a store that is not there or refuses.
    """
    # Each kind of store brings libraries of its own, and reads variables of its own.
    scheme = urlsplit(uri).scheme
    if scheme == "file":
        from stages.publish.store.folder import open_folder

        return open_folder(uri)
    if scheme == "s3":
        from stages.publish.store.s3 import open_bucket

        return open_bucket(uri, to_write)
    known = "file:///<folder> or s3://<bucket>/<prefix>"
    raise StageError(f"STORE_URI is {without_secret(uri)}; it must be {known}")
