"""Values that are no secret's shape: words, names, paths, numbers, addresses."""

import re

_WORDS = r"[A-Za-z]+(?:[-_./:,@+ ][A-Za-z]+)*"
_NUMBER = r"[-+]?\d+(?:[.,:/-]\d+)*\s?(?:[A-Za-z]{1,3}|%)?"
_VERSION = r"v\d[\w.+-]{0,20}"
_NAME = r"[a-z][a-z0-9]{0,30}(?:[-_.][a-z0-9]{1,10}){1,12}"
_PATH = r"(?:[~.]{0,2}/|[A-Za-z]:\\)[\w.@~/\\ -]*|(?:[a-z0-9_.-]{1,40}/){1,20}[a-z0-9_.-]{0,60}(?::[\w.-]{1,60})?"
_PLACE = r"[\w.-]{1,80}:\d{1,5}(?:/\S*)?|[\w.+-]{1,60}@[\w-]+(?:\.[\w-]+)+"
_DIGEST = r"(?:sha\d+|md5):[0-9A-Fa-f+/=]{16,}"
_URL = r"[a-z][a-z0-9+.-]{1,15}://\S*"
_PLAIN = re.compile("|".join((_WORDS, _NUMBER, _VERSION, _NAME, _PATH, _PLACE, _DIGEST, _URL)))
_RUN = re.compile(r"[A-Za-z]{20,}")
_TURN = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[a-z])")
_SEED = re.compile(r"(?:[A-Z2-7]{4}[ -]?){4,16}=*")


def is_plain(value: str) -> bool:
    """Returns whether a value may be a word, a name, a path, a number or an address."""
    return bool(_PLAIN.fullmatch(value)) and not is_random(value) and not is_seed(value)


def is_word(value: str) -> bool:
    """Returns whether a value is made of words."""
    return bool(re.fullmatch(_WORDS, value)) and not is_random(value)


def is_random(value: str) -> bool:
    """Returns whether a value has a long run of letters that change between small and capital as no name does."""
    return any(len(_TURN.findall(run[0])) > 0.36 * len(run[0]) for run in _RUN.finditer(value))


def is_seed(value: str) -> bool:
    """Returns whether a value is written as the seeds of one-time passwords are, in base 32."""
    return bool(_SEED.fullmatch(value)) and len(value) >= 16
