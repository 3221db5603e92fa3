"""A row: an alert as Alertmanager delivers it, and the call that answers it, or none."""

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from shared.alert import render_notification
from shared.function_call import Call
from shared.prompt import NO_CALL_ANSWER, NameMap, PromptFile, render_completion
from stages.dataset.rows.shown_names import NameKind

Answer = Literal["filled", "constant", "none"]
COLUMNS = ("id", "prompt", "completion", "alert", "function", "call", "notification", "alertname", "answer")


@dataclass(frozen=True)
class Row:
    """One example, as it is written to a split's file.

    call: JSON of the call, or null. function: its name, or empty. alert: its name in the runbook or in a rule, empty
    for one that neither knows. alertname: how the notification shows it. answer: `filled` from the alert's labels, the
    runbook's own words (`constant`), or `none`. prefix: what all prompts begin with, held once for all rows; turn: the
    rest. stated: label values that the runbook or a rule names, and all splits may therefore have. is_alike: whether
    another split has nearly the same row, as none could be drawn that differs.
    """

    split: str
    id: str
    prefix: str
    turn: str
    completion: str
    alert: str
    function: str
    call: str
    notification: str
    alertname: NameKind
    answer: Answer
    stated: frozenset[str] = frozenset()
    is_alike: bool = False

    def columns(self) -> dict[str, str]:
        """Returns what the file holds of the row."""
        return {column: getattr(self, column) for column in COLUMNS}

    @property
    def prompt(self) -> str:
        """The text that the model continues."""
        return self.prefix + self.turn

    @cached_property
    def words(self) -> str:
        """What the turn says, to be compared."""
        return normalised(self.turn)

    def __getstate__(self) -> dict[str, Any]:
        """Returns what another process is sent: with its words, and without the prefix, which is most of a row."""
        return {name: value for name, value in ({"words": self.words} | vars(self)).items() if name != "prefix"}


class _Letters(dict[int, str]):
    """Letters, digits and `_` as they are, and a space for any other sign: several times quicker than a pattern."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        self[code] = sign if sign.isalnum() or sign == "_" else " "
        return self[code]


_LETTERS = _Letters()


def normalised(text: str) -> str:
    """Returns the words of a text: lower case, without punctuation and white space that tell nothing."""
    return " ".join(text.lower().translate(_LETTERS).split())


_IN_JSON = json.JSONEncoder(sort_keys=True)


@dataclass(frozen=True)
class Writer:
    """Writes rows for one prompt file. functions: the names of the functions outside and inside the model."""

    prompt: PromptFile
    functions: NameMap

    def row(
        self,
        split: str,
        alert: str,
        shown: Mapping[str, Any],
        call: Call | None = None,
        *,
        alertname: NameKind = "stated",
        is_constant: bool = False,
        stated: Collection[str] = (),
    ) -> Row:
        """Returns the row of one alert as Alertmanager has it. is_constant: whether no label fills the call."""
        turn = self.prompt.prompt(render_notification(shown)).removeprefix(self.prompt.prefix)
        digest = self._digest_of_prefix.copy()
        digest.update(turn.encode())
        inside = [self.functions.to_model(call)] if call else []
        answer: Answer = "none" if call is None else "constant" if is_constant else "filled"
        written = {"name": call.name, "arguments": call.arguments} if call else None
        return Row(
            split=split,
            id=digest.hexdigest()[:16],
            prefix=self.prompt.prefix,
            turn=turn,
            completion=render_completion(inside, "" if call else NO_CALL_ANSWER),
            alert=alert,
            function=call.name if call else "",
            call=_IN_JSON.encode(written),
            notification=_IN_JSON.encode(shown),
            alertname=alertname,
            answer=answer,
            stated=frozenset(stated),
        )

    def received(self, row: Row) -> Row:
        """Returns a row that another process has sent, with the prefix that it was sent without."""
        vars(row)["prefix"] = self.prompt.prefix
        return row

    @cached_property
    def _digest_of_prefix(self) -> "hashlib._Hash":
        """What the declarations, which are most of a prompt, add to the digest of each."""
        return hashlib.sha256(self.prompt.prefix.encode())
