"""The one renderer of prompts, and `prompt.json`, which carries what it rendered to training, evaluation and serving.

A prompt is the developer turn (instruction and declarations), the user turn and the opening of the model's turn, as
the chat template of FunctionGemma renders them. It holds `<bos>`: tokenise it without adding special tokens.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.asking.fields import fields as fields_of
from shared.asking.fields import items, mapping, parse
from shared.asking.fields import text as text_of
from shared.function_call import (
    START_RESPONSE,
    STOP_TOKENS,
    Call,
    Reading,
    neutralise,
    read_calls,
    refuse_control_tokens,
    write_calls,
    write_declaration,
)

INSTRUCTION = "You are a model that can do function calling with the following functions"
NO_CALL_ANSWER = "No call is due."
"""What the model is to say to a notification that needs no call."""
FORMAT = "functiongemma-prompt/1"
PLACEHOLDER = "{content}"
USER_TURN = f"<start_of_turn>user\n{PLACEHOLDER}<end_of_turn>\n<start_of_turn>model\n"

Schema = Mapping[str, Any]
"""The JSON schema of one function, bare or in a `{"type": "function", "function": …}` wrapper."""


def render_developer_turn(functions: Iterable[Schema], instruction: str = INSTRUCTION) -> str:
    """Return `<bos>` and the developer turn: the trimmed instruction, then each declaration without a separator.

    ValueError for a control token in the instruction, and as `write_declaration` says.
    """
    declarations = "".join(map(write_declaration, functions))
    return f"<bos><start_of_turn>developer\n{refuse_control_tokens(instruction.strip())}{declarations}<end_of_turn>\n"


def render_user_turn(content: str) -> str:
    """Return the user turn with the trimmed, neutralised content, and the opening of the model's turn."""
    return _fill(USER_TURN, content)


def render_completion(calls: Iterable[Call], answer: str = "") -> str:
    """Return what the model is to write: its calls up to the token that asks for their results.

    Without a call it is the trimmed answer and the end of the turn. ValueError for neither call nor answer, for a
    control token in the answer, and as `write_call` says.
    """
    written, answer = write_calls(calls), refuse_control_tokens(answer.strip())
    if not written and not answer:
        raise ValueError("a completion needs a call or an answer")
    return f"{answer}{written}{START_RESPONSE}" if written else f"{answer}<end_of_turn>\n"


def render_prompt(functions: Iterable[Schema], content: str) -> str:
    """Return the whole prompt for functions in the model's names and one content."""
    return render_developer_turn(functions) + render_user_turn(content)


@dataclass(frozen=True)
class FunctionNames:
    """One function's name inside the model, and all its parameters: the agent's name → the model's."""

    model: str
    parameters: Mapping[str, str]


@dataclass(frozen=True)
class NameMap:
    """Every deployed function by the agent's name, with its names inside the model.

    A name or parameter that the map does not list is unknown on either side. ValueError when two names would be one.
    """

    functions: Mapping[str, FunctionNames]

    def __post_init__(self) -> None:
        _refuse_twice("function", [names.model for names in self.functions.values()])
        for agent, names in self.functions.items():
            _refuse_twice(f"parameter of {agent}", list(names.parameters.values()))

    def to_model(self, call: Call) -> Call:
        """Return the agent's call in the model's names; ValueError for a function or parameter not in the map."""
        names = self._names(call.name)
        return Call(names.model, _rename(call.arguments, names.parameters, call.name))

    def to_agent(self, call: Call) -> Call:
        """Return the model's call in the agent's names; ValueError for a function or parameter not in the map."""
        for agent, names in self.functions.items():
            if names.model == call.name:
                return Call(agent, _rename(call.arguments, _inverse(names.parameters), call.name))
        raise ValueError(f"the function {call.name!r:.80} is not declared")

    def to_model_schema(self, function: Schema) -> dict[str, Any]:
        """Return the bare schema of a deployed function in the model's names; ValueError as in `to_model`."""
        function = function.get("function", function)
        names = self._names(function["name"])
        schema = {**function, "name": names.model}
        if parameters := function.get("parameters"):
            schema["parameters"] = _rename_schema(parameters, names.parameters, function["name"])
        return schema

    def to_object(self) -> dict[str, Any]:
        """Return the map as JSON holds it: `{"pod-restart": {"model": "pod_restart", "parameters": {…}}}`."""
        return {
            agent: {"model": names.model, "parameters": dict(names.parameters)}
            for agent, names in self.functions.items()
        }

    @classmethod
    def from_object(cls, value: Any) -> "NameMap":
        """Return the map that `to_object` gave; ValueError names what is wrong."""
        functions = {}
        for agent, names in mapping("names", value).items():
            fields = fields_of(f"names.{agent}", names, ("model", "parameters"))
            parameters = mapping(f"names.{agent}.parameters", fields["parameters"])
            renamed = {key: text_of(f"names.{agent}.parameters.{key}", name) for key, name in parameters.items()}
            functions[agent] = FunctionNames(text_of(f"names.{agent}.model", fields["model"]), renamed)
        return cls(functions)

    def _names(self, agent: str) -> FunctionNames:
        if agent not in self.functions:
            raise ValueError(f"the function {agent!r} is not in the name map")
        return self.functions[agent]


@dataclass(frozen=True)
class DeclaredFunctions:
    """What the model was told: the name mapping, and the bare JSON schemas in the model's names, in order."""

    names: NameMap
    schemas: tuple[Schema, ...]

    def __post_init__(self) -> None:
        declared = sorted(str(schema.get("name")) for schema in self.schemas)
        mapped = sorted(names.model for names in self.names.functions.values())
        if declared != mapped:
            raise ValueError(f"the schemas declare {declared}, the names map {mapped}")


@dataclass(frozen=True)
class PromptFile:
    """The content of `prompt.json`: all that whoever asks the model needs, besides its weights and tokenizer."""

    format: str
    instruction: str
    prefix: str
    """The developer turn with `<bos>` and the declarations, equal for every content."""
    user_turn: str
    """The rest of the prompt; its one `{content}` stands for the trimmed content, free of control tokens."""
    stop_tokens: tuple[str, ...]
    functions: DeclaredFunctions

    def __post_init__(self) -> None:
        if self.format != FORMAT:
            raise ValueError(f"prompt.json: format is {self.format!r}, known is {FORMAT!r}")
        if self.user_turn.count(PLACEHOLDER) != 1:
            raise ValueError(f"prompt.json: user_turn needs exactly one {PLACEHOLDER}")

    @classmethod
    def render(cls, functions: Iterable[Schema], names: NameMap, instruction: str = INSTRUCTION) -> "PromptFile":
        """Return the prompt file for deployed functions, given in the agent's names; ValueError as the renderer's."""
        schemas = tuple(map(names.to_model_schema, functions))
        prefix = render_developer_turn(schemas, instruction)
        return cls(FORMAT, instruction, prefix, USER_TURN, STOP_TOKENS, DeclaredFunctions(names, schemas))

    def prompt(self, content: str) -> str:
        """Return the full text to tokenise, without adding special tokens; the content is trimmed and neutralised."""
        return self.prefix + _fill(self.user_turn, content)

    def read(self, text: str) -> Reading:
        """Return the calls in the model's text, in the agent's names; never raises.

        A function or parameter that was not declared is a fault, as are those of `read_calls`.
        """
        reading = read_calls(text)
        try:
            return Reading(tuple(map(self.functions.names.to_agent, reading.calls)), reading.fault)
        except ValueError as unknown:
            return Reading((), str(unknown))

    def to_json(self) -> str:
        """Return the file's text; equal prompt files give equal bytes."""
        functions = {"names": self.functions.names.to_object(), "schemas": list(self.functions.schemas)}
        fields = {**vars(self), "functions": functions}
        return json.dumps(fields, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> "PromptFile":
        """Return the prompt file that `to_json` wrote; ValueError names what is wrong."""
        fields = fields_of("prompt.json", parse("prompt.json", text), tuple(cls.__dataclass_fields__))
        texts = {key: text_of(key, fields[key]) for key in ("format", "instruction", "prefix", "user_turn")}
        stop_tokens = tuple(text_of("stop_tokens", token) for token in items("stop_tokens", fields["stop_tokens"]))
        functions = fields_of("functions", fields["functions"], ("names", "schemas"))
        schemas = tuple(mapping("functions.schemas", schema) for schema in items("schemas", functions["schemas"]))
        names = NameMap.from_object(functions["names"])
        return cls(**texts, stop_tokens=stop_tokens, functions=DeclaredFunctions(names, schemas))


def _fill(user_turn: str, content: str) -> str:
    before, after = user_turn.split(PLACEHOLDER)
    return before + neutralise(content.strip()) + after


def _rename(arguments: Mapping[str, Any], names: Mapping[str, str], function: str) -> dict[str, Any]:
    for key in arguments:
        if key not in names:
            raise ValueError(f"the function {function!r} has no parameter {key!r:.80}")
    return {names[key]: value for key, value in arguments.items()}


def _rename_schema(parameters: Schema, names: Mapping[str, str], function: str) -> dict[str, Any]:
    renamed = dict(parameters)
    if "properties" in parameters:
        renamed["properties"] = _rename(parameters["properties"], names, function)
    if "required" in parameters:
        renamed["required"] = list(_rename(dict.fromkeys(parameters["required"]), names, function))
    return renamed


def _inverse(names: Mapping[str, str]) -> dict[str, str]:
    return {model: agent for agent, model in names.items()}


def _refuse_twice(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"two names of a {what} would be {name!r} in the model")
