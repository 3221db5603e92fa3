"""Addresses that people open: what an environment variable may name as one."""

import re

from shared.access.git import without_secret
from shared.contract import Variable
from shared.errors import StageError

_PLAIN = re.compile(r"https?://[^\s/?#@]+(/[^\s?#@]*)?")
_WITH_QUERY = re.compile(_PLAIN.pattern + r"([?#][^\s@]*)?")


def read(variable: Variable, with_query: bool = False) -> str:
    """Returns the address that a variable holds; '' where it is not set.

    with_query: `?` and `#` may follow the path. Raises StageError for what is no http(s) address, and for one with a
    password, which whoever sees the link would read.
    """
    address = variable.read()
    form = _WITH_QUERY if with_query else _PLAIN
    if address and not form.fullmatch(address):
        known = "http(s)://host/path, without a password" + ("" if with_query else ", `?` or `#`")
        raise StageError(f"{variable.name} is {without_secret(address)}; it must be {known}")
    return address
