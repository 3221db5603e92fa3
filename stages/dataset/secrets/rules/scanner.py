"""The rules of Yelp's detect-secrets, besides our own: key formats alone, none that guesses by entropy.

https://github.com/Yelp/detect-secrets. Its own scan of files would verify what it finds over the network: only the
patterns of its plugins are used.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib import import_module

from stages.dataset.secrets.placeholders import is_filling
from stages.dataset.secrets.plain import is_plain
from stages.dataset.secrets.span import Span

# Of its plugins those whose rules take linear time, and name nothing that is no secret.
PLUGINS = {
    "aws": "AWSKeyDetector",
    "azure_storage_key": "AzureStorageKeyDetector",
    "discord": "DiscordBotTokenDetector",
    "github_token": "GitHubTokenDetector",
    "gitlab_token": "GitLabTokenDetector",
    "mailchimp": "MailchimpDetector",
    "pypi_token": "PypiTokenDetector",
    "sendgrid": "SendGridDetector",
    "slack": "SlackDetector",
    "square_oauth": "SquareOAuthDetector",
    "stripe": "StripeDetector",
    "telegram_token": "TelegramBotTokenDetector",
    "twilio": "TwilioKeyDetector",
}
_MIXED = re.compile(r"(?=\D*\d)(?=[^A-Za-z]*[A-Za-z])")
_RUN = re.compile(r"[\w-]{20,}|[\w/+=]{40,}")
_LONG = 16  # characters; a shorter group of a rule is only the beginning of what it finds


def scanned(text: str) -> Iterator[Span]:
    """Yields what the scanner's rules find."""
    for begin, line in _lines_with_keys(text):
        for kind, pattern in _rules():
            for found in pattern.finditer(line):
                start, end = _secret(found)
                if (
                    _stands_alone(line, start, end)
                    and _MIXED.match(line[start:end])
                    and not is_filling(line[start:end])
                ):
                    yield Span(begin + start, begin + end, kind)


def _lines_with_keys(text: str) -> Iterator[tuple[int, str]]:
    """Yields the lines with a run of letters and digits that is long enough for a key, and where they begin."""
    end = 0
    for run in _RUN.finditer(text):
        if run.start() >= end and _MIXED.match(run[0]) and not is_plain(run[0]):
            begin = text.rfind("\n", 0, run.start()) + 1
            end = text.find("\n", run.end())
            end = len(text) if end < 0 else end
            yield begin, text[begin:end]


def _secret(found: re.Match[str]) -> tuple[int, int]:
    groups = [found.span(number) for number in range(1, found.re.groups + 1)]
    return next(((start, end) for start, end in groups if end - start >= _LONG), found.span())


def _stands_alone(text: str, start: int, end: int) -> bool:
    before, behind = text[start - 1 : start], text[end : end + 1]
    return not before.isalnum() and not behind.isalnum()


@cache
def _rules() -> tuple[tuple[str, re.Pattern[str]], ...]:
    # Here, because the library takes longer to import than a mistake to be told.
    found = []
    for module, name in PLUGINS.items():
        plugin = getattr(import_module(f"detect_secrets.plugins.{module}"), name)
        article = "an" if plugin.secret_type[0] in "AEIOU" else "a"
        words = [word if word.isupper() else word.lower() for word in plugin.secret_type.split()[1:]]
        kind = " ".join((article, plugin.secret_type.split()[0], *words))
        found += [(kind, pattern) for pattern in plugin.denylist]
    return tuple(found)
