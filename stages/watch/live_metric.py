"""The live metric: one number that Prometheus gives for an expression.

API: https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

import math
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from shared.access.git import without_secret
from shared.errors import StageError, one_line
from stages.watch.contract import PROMETHEUS_TOKEN, PROMETHEUS_URL

CONNECT_SECONDS, ANSWER_SECONDS = 5, 20


@dataclass(frozen=True)
class Reading:
    """The metric's value; None, with the reason, where it has none now."""

    value: float | None
    absence: str = ""


def read(expression: str) -> Reading | None:
    """Returns the expression's value now; None without an expression.

    An expression without a sample, or whose value is no finite number, has no value: nothing may have happened that it
    could count. Raises StageError where Prometheus cannot be asked, refuses the expression, or gives several numbers.
    """
    address = PROMETHEUS_URL.read()
    if not expression.strip():
        return None
    if not address:
        return Reading(None, "PROMETHEUS_URL is not set")
    if urlsplit(address).scheme not in ("http", "https") or not urlsplit(address).hostname:
        raise StageError(f"PROMETHEUS_URL is {without_secret(address)}; it must be http(s)://host:port")
    return _number(_answer(address, expression), expression)


def _answer(address: str, expression: str) -> dict[str, Any]:
    """Returns the field `data` of the answer."""
    import requests

    where, token = f"Prometheus at {without_secret(address)}", PROMETHEUS_TOKEN.read()
    try:
        answer = requests.get(
            f"{address.rstrip('/')}/api/v1/query",
            {"query": expression, "timeout": f"{ANSWER_SECONDS}s"},
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=(CONNECT_SECONDS, ANSWER_SECONDS),
        )
        told = answer.json()
    except requests.exceptions.JSONDecodeError:
        told = None
    except requests.RequestException:
        raise StageError(f"{where} does not answer; check PROMETHEUS_URL and that it runs") from None
    if answer.status_code in (401, 403):
        raise StageError(f"{where} refuses the request ({answer.status_code}); check PROMETHEUS_TOKEN")
    if not isinstance(told, dict) or "status" not in told:
        raise StageError(f"{where} gave no answer of Prometheus ({answer.status_code}); check PROMETHEUS_URL")
    if told["status"] != "success":
        reason = one_line(str(told.get("error", told["status"])))[:300]
        raise StageError(f"{where} cannot read live_metric {expression!r:.200}: {reason}")
    return dict(told["data"])


def _number(data: dict[str, Any], expression: str) -> Reading:
    kind, result = data["resultType"], data["result"]
    samples: list[Any] = [each["value"] for each in result] if kind == "vector" else [result]
    if kind not in ("scalar", "vector") or len(samples) > 1:
        found = f"{len(samples)} numbers" if kind == "vector" else f"a {kind}"
        remedy = "aggregate it to one number, such as with sum(…) or avg(…)"
        raise StageError(f"live_metric {expression!r:.200} gives {found}; {remedy}")
    if not samples:
        return Reading(None, "the expression has no sample now")
    value = float(samples[0][1])
    return Reading(value) if math.isfinite(value) else Reading(None, f"the expression is {samples[0][1]} now")
