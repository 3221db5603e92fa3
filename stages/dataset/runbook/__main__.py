"""Prints what is read from runbooks as JSON: `python -m stages.dataset.runbook FILE…`."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from stages.dataset.runbook.alert import Alert
from stages.dataset.runbook.reader import read_runbook
from stages.dataset.runbook.text import decode
from stages.dataset.secrets.redaction import redact


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit status: 1 where a file cannot be read, which is said on stderr; the others are still printed."""
    parser = argparse.ArgumentParser(prog="python -m stages.dataset.runbook", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    found, status = [], 0
    for file in parser.parse_args(arguments).files:
        try:
            text, _ = redact(decode(file.read_bytes()))
            alerts = read_runbook(text, str(file))
        except OSError as error:
            print(f"{file} cannot be read: {error.strerror}", file=sys.stderr)
            status = 1
            continue
        found.append({"path": str(file), "alerts": [as_json(alert) for alert in alerts]})
    json.dump(found, sys.stdout, indent=2, ensure_ascii=False)
    print()
    return status


def as_json(alert: Alert) -> dict[str, Any]:
    """Returns an alert as the printed object; sections and headings are those that the runbook heads."""
    headed = [section for section in alert.sections if section.heading]
    return {
        "name": alert.name,
        "severity": alert.severity,
        "sections": [section.kind for section in headed],
        "headings": [section.heading for section in headed],
        "commands": [
            {
                "text": command.text,
                "section": command.section,
                "line": command.line,
                "source": command.source,
                "dangerous": command.dangerous,
                "mutating": command.mutating,
                "standing": command.standing.kind,
                "decided_by": command.standing.words,
                "decided_in_line": command.standing.line,
            }
            for command in alert.commands
        ],
        "unread": [{"line": cut.line, "text": cut.text, "reason": cut.reason} for cut in alert.unread],
        "queries": alert.queries,
    }


if __name__ == "__main__":
    sys.exit(main())
