"""What is said about a version in Git: in the commit's message, and in the pull request."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from shared import archive
from shared.errors import one_line
from shared.origin import Origin
from stages.publish.contract import EXECUTION, Inputs


@dataclass(frozen=True)
class Message:
    """A subject, the reason, and the trailers that lead from the commit to what it rolls out."""

    subject: str
    reason: str
    trailers: Mapping[str, str]

    @classmethod
    def of(cls, inputs: Inputs, origin: Origin, content: str) -> "Message":
        """Returns what is said about the model of the inputs, whose content's sha256 is `content`."""
        trailers = {
            "Model-Version": inputs.model_version,
            "Model-Sha256": content,
            "Mlflow-Run": inputs.run_id,
            "Dataset-Sha256": archive.digest(inputs.dataset.path),
            "Runbook-Commit": origin.commit,
            "Flyte-Execution": EXECUTION.read(),
        }
        decision = one_line(inputs.decision)
        reason = f"{decision[:1].upper()}{decision[1:]}." if decision else ""
        known = {key: one_line(value) for key, value in trailers.items() if value}
        return cls(f"Bump {origin.agent} to {inputs.model_version}", reason, known)

    def commit(self) -> str:
        """Returns the message of the commit."""
        trailers = "\n".join(f"{key}: {value}" for key, value in self.trailers.items())
        return _paragraphs(self.subject, textwrap.fill(self.reason, 72), trailers)

    def pull_request(self, model_uri: str) -> str:
        """Returns the body of the pull request, in Markdown: the reason, a table of the trailers, and the model."""
        rows = {**self.trailers, "Model": model_uri}
        table = [f"| {_cell(key)} | `{_cell(value)}` |" for key, value in rows.items()]
        return _paragraphs(_cell(self.reason), "\n".join(["| | |", "|---|---|", *table]))


def _paragraphs(*parts: str) -> str:
    return "\n\n".join(filter(None, parts)) + "\n"


def _cell(text: str) -> str:
    """Returns text that starts nothing of Markdown's: no cell, no code, no markup, nobody's name."""
    return text.translate({ord("|"): "\\|", ord("`"): "'", ord("<"): "&lt;", ord("@"): "@\u200b"})
