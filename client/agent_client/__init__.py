"""How an agent asks its model: `Agent.load(folder).answer(notification, complete)`, which gives calls and refusals."""

from shared.alert import Alert
from shared.asking.agent import Agent, Answer, Complete, CompletionError, Decision, Observe
from shared.asking.judgement import Refusal
from shared.asking.servers import in_thread, ollama, openai_completions
from shared.errors import StageError
from shared.function_call import Call

__all__ = [
    "Agent",
    "Alert",
    "Answer",
    "Call",
    "Complete",
    "CompletionError",
    "Decision",
    "Observe",
    "Refusal",
    "StageError",
    "in_thread",
    "ollama",
    "openai_completions",
]
