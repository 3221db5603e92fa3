"""Asks a fine-tuned model about a notification: `make ask ALERT=alert.json` prints the call for each firing alert.

It is asked as the agent asks it, by `shared.asking`, prompt.json and calls.json: a resolved alert needs no call, equal
alerts are asked once, and what the model says is a call only if nothing speaks against it; else the reason is told.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from shared import archive
from shared.alert import Alert, read_alerts, render_alert
from shared.artifacts import FineTunedModel
from shared.asking.agent import Agent, Decision
from shared.asking.call_policy import FILE as CALLS_FILE
from shared.contract import load
from shared.errors import StageError, one_line
from shared.function_call import Call, Reading


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the call for each alert; returns 0, or 1 where the notification or the model cannot be used."""
    parser = argparse.ArgumentParser(prog="python -m stages.evaluate.ask", description="Ask a model about alerts.")
    parser.add_argument(
        "--model", type=Path, required=True, help="train's output `model`, or a folder that was fetched"
    )
    parser.add_argument("--alert", required=True, help="alerts as Alertmanager tells of them: a JSON file, or JSON")
    options = parser.parse_args(arguments)
    try:
        alerts = read_alerts(read_notification(options.alert))
        with TemporaryDirectory() as folder:
            print("\n\n".join(told(alerts, options.model, Path(folder) / "model")) or "no alert: no call is due")
    except StageError as error:
        print(f"ask: {error}", file=sys.stderr)
        return 1
    return 0


def told(alerts: Sequence[Alert], source: Path, folder: Path) -> Iterator[str]:
    """Yields each alert with its answer; the model at source is opened, into folder, for the first that fires."""
    asked: dict[str, str] = {}
    ask: Callable[[Alert], str] | None = None
    for alert in alerts:
        content = render_alert(alert)
        if alert.is_firing and content not in asked:
            ask = ask or asking(open_model(source, folder))
            asked[content] = ask(alert)
        yield f"{content}\n\n→ {asked[content] if alert.is_firing else 'no call: the alert is resolved'}"


def read_notification(source: str) -> Any:
    """Returns the JSON value in a file or, where source starts with a brace or a bracket, in the text itself.

    Raises StageError where there is none.
    """
    is_json = source.lstrip().startswith(("{", "["))
    try:
        return json.loads(source if is_json else Path(source).read_text("utf-8"))
    except OSError as error:
        raise StageError(f"the alert {source} cannot be read: {error.strerror}; give a JSON file, or JSON") from None
    except (ValueError, RecursionError) as error:
        raise StageError(f"the alert{'' if is_json else f' {source}'} is not valid JSON: {error}") from None


def open_model(source: Path, folder: Path) -> FineTunedModel:
    """Returns the checked model at source, a directory or an archive that is unpacked to folder."""
    if not source.exists():
        raise StageError(f"there is no model at {source}; `make run` makes one")
    if not source.is_dir():
        archive.unpack(source, folder)
    model = FineTunedModel(source if source.is_dir() else folder)
    model.check()
    return model


def asking(model: FineTunedModel) -> Callable[[Alert], str]:
    """Returns what answers an alert by the model, for a terminal; without calls.json, unchecked."""
    from stages.evaluate.answering.decoding import WarmModel
    from stages.evaluate.answering.tokens import PromptTokenizer

    prompt = model.prompt()
    max_tokens = next(field.default for field in load("evaluate").inputs if field.name == "max_tokens")
    warm = WarmModel(model.path, PromptTokenizer(model.path, prompt.stop_tokens), prompt.prefix, max_tokens)

    agent = Agent(prompt, policy) if (policy := model.policy()) else None
    if agent is None:
        print(
            f"ask: the model has no {CALLS_FILE}, as an earlier release made it: answers are not checked",
            file=sys.stderr,
        )

    def ask(alert: Alert) -> str:
        text = warm.answer(prompt.prompt(render_alert(alert))).text
        return decided(agent.decide(alert, text)) if agent else shown(prompt.read(text), text)

    return ask


def decided(decision: Decision) -> str:
    """Returns a decision for a terminal: the call, or why there is none, with what the model said."""
    if decision.call:
        return one_line(_written(decision.call))
    if decision.refusal:
        return one_line(f"refused, {decision.refusal.kind}: {decision.refusal.reason}. The model said: {decision.text}")
    return one_line(f"no call: {decision.text}")


def shown(reading: Reading, text: str) -> str:
    """Returns the answer for a terminal: `pod-restart name=shop-0 namespace=web`, or what stood there instead."""
    if reading.fault:
        return one_line(f"no readable call ({reading.fault}): {text}")
    return one_line("; ".join(map(_written, reading.calls)) or f"no call: {text}")


def _written(call: Call) -> str:
    return f"{call.name} {_arguments(call.arguments)}".strip()


def _arguments(arguments: dict[str, Any]) -> str:
    return " ".join(
        f"{key}={value if isinstance(value, str) else json.dumps(value)}" for key, value in arguments.items()
    )


if __name__ == "__main__":
    sys.exit(main())
