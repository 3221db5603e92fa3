"""Which place an address names: a folder, or a prefix of an S3 bucket; none where Flyte had no attempt before."""

import re
from pathlib import Path

from shared.errors import StageError
from stages.train.checkpoints.place import Folder, Place

NOWHERE = ("", '""')  # Flyte writes two quotes where no attempt was before


def place_of(address: str, named: str) -> Place | None:
    """Returns the folder or the s3:// prefix of an address, None for none; named: the input that it comes from.

    Raises StageError for another kind of address.
    """
    if address in NOWHERE:
        return None
    if address.startswith("s3://"):
        from stages.train.checkpoints.bucket import Bucket  # its SDK takes a while to import

        return Bucket(address, named)
    if re.match(r"\w+://", address):
        remedy = "let it be a folder or s3://bucket/prefix, or train without checkpoints"
        raise StageError(f"{named} is {address}, which train cannot read; {remedy}")
    return Folder(Path(address))
