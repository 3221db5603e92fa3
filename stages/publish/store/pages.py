"""Where people look at what is in the store."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

from shared.access import web_address
from shared.access.s3 import AMAZON, read_endpoint
from shared.errors import StageError
from stages.publish.contract import S3, STORE_PAGE_URL
from stages.publish.store.manifest import MANIFEST
from stages.publish.store.protocol import Store

BUCKET, PATH = "{bucket}", "{path}"
# Amazon's console leads from here to the bucket's region.
AMAZON_CONSOLE = "https://s3.console.aws.amazon.com/s3/buckets/{bucket}?prefix={path}/"


@dataclass(frozen=True)
class StorePages:
    """The addresses of folders in the store.

    form: an address with `{path}` in the place of the folder's path. prefix: the store's own in its bucket.
    """

    form: str
    prefix: str = ""

    @classmethod
    def of(cls, store: Store) -> "StorePages":
        """Returns the pages of a store: those that the environment names, or else the store's own.

        Raises StageError where STORE_PAGE_URL is no address, or asks for what there is not.
        """
        root = store.location("").rstrip("/")
        parts = urlsplit(root)
        if parts.scheme == "file":
            return cls(_given(PATH) or f"{root}/{PATH}")
        form = _given(PATH, BUCKET) or _own()
        return cls(form.replace(BUCKET, parts.netloc), parts.path.strip("/"))

    def of_folder(self, key: str) -> str:
        """Returns the address of what lies below a key."""
        return self.form.replace(PATH, quote("/".join(filter(None, [self.prefix, key]))))


def _given(*known: str) -> str:
    """Returns the form that STORE_PAGE_URL gives, '' where it is not set."""
    address = web_address.read(STORE_PAGE_URL, with_query=True)
    if unknown := [found for found in re.findall(r"\{[^{}]*\}|[{}]", address) if found not in known]:
        raise StageError(f"STORE_PAGE_URL holds {unknown[0]}, which is not known here; known: {' and '.join(known)}")
    if not address or PATH in address:
        return address
    return "/".join([address.rstrip("/"), *reversed(known)]) + "/"


def _own() -> str:
    """Returns the form for a bucket of which nobody said where it is looked at: the manifest, or Amazon's console."""
    endpoint = read_endpoint(S3, "STORE_URI")
    return AMAZON_CONSOLE if endpoint.host == AMAZON else f"{endpoint}/{BUCKET}/{PATH}/{MANIFEST}"
