"""How Ollama is to serve the model: a template that sends the prompt as it is, where an answer ends, and how to choose.

The same facts are a Modelfile, for a person, and the fields of Ollama's `POST /api/create`, for a program.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from shared.prompt import PromptFile

TEMPLATE = "{{ .Prompt }}"  # nothing is added: the prompt is finished
MOST_TOKENS = 256  # of one answer, as evaluate allows
CONTEXT = 4096


@dataclass(frozen=True)
class ModelfileFacts:
    """template: a Go template. stop: texts that end an answer. parameters: Ollama's names, without `stop`."""

    template: str
    stop: tuple[str, ...]
    parameters: Mapping[str, int | float]

    @classmethod
    def of(cls, prompt: PromptFile, context: int) -> "ModelfileFacts":
        """context: the most tokens that the model was made for."""
        greedy = {"temperature": 0, "top_k": 1, "repeat_penalty": 1.0}
        room = {"num_ctx": min(context, CONTEXT), "num_predict": MOST_TOKENS}
        return cls(TEMPLATE, prompt.stop_tokens, greedy | room)

    def for_create(self) -> dict[str, object]:
        """Returns the fields `template` and `parameters` of `POST /api/create`."""
        return {"template": self.template, "parameters": {**self.parameters, "stop": list(self.stop)}}

    def text(self, file: str) -> str:
        """Returns the Modelfile of the GGUF `file`, a path relative to the Modelfile's folder."""
        lines = [f"FROM ./{file}", f"TEMPLATE {_quoted(self.template)}"]
        lines += [f"PARAMETER {name} {value}" for name, value in self.parameters.items()]
        lines += [f"PARAMETER stop {_quoted(token)}" for token in self.stop]
        return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
