"""training/tools.yaml: the functions that an agent may call, and the commands that stand for them."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cached_property, lru_cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, Field, field_validator, model_validator

from shared.function_call import RESERVED_PARAMETERS
from shared.prompt import FunctionNames, NameMap
from stages.dataset import strict_yaml
from stages.dataset.calls.forms import PARAMETER, Form, clash, says_the_same
from stages.dataset.calls.schema import SCALARS, STRICT, JsonValue, Parameters, Text, is_valid
from stages.dataset.calls.words import split
from stages.dataset.runbook.alert import KINDS
from stages.dataset.strict_yaml import PlacedError

_PIECES = re.compile(r"\{[^{}]*\}\{[^{}]*\}")
_LOOSE = re.compile(r"\{\s+[\w.-]+\s*\}|\{[\w.-]+\s+\}|\{\{\s*\$?\.?[\w.-]+\s*\}\}|<[\w .-]+>")


def _with_a_letter(name: str) -> str:
    if not re.search(r"[A-Za-z0-9]", name):
        raise ValueError(f"{name} is no name: it has neither a letter nor a digit")
    return name


class Template(BaseModel):
    """A command form that stands for a call: `{x}` binds the parameter x, `arguments` are constants."""

    model_config = STRICT
    command: Text
    arguments: dict[str, JsonValue] = {}

    @field_validator("command")
    @classmethod
    def _simple(cls, command: str) -> str:
        if found := _LOOSE.search(command):
            name = re.sub(r"[^\w.-]+", "", found[0])
            raise ValueError(f"{found[0]!r:.60} binds nothing in a template; write {{{name}}}, the parameter's name")
        if found := _PIECES.search(command):
            raise ValueError(f"nothing stands between {found[0]}, so that no one could tell where the first ends")
        words = split(command)
        if words is None or not words.positions or PARAMETER.search(words.positions[0]):
            raise ValueError(f"{command!r:.80} is no simple command: it needs a program, and no pipeline or variable")
        return command

    @property
    def bound(self) -> set[str]:
        """The parameters that a match of this form gives a value."""
        return {*self.in_words, *self.arguments}

    @cached_property
    def program(self) -> str:
        """The first of its words."""
        words = split(self.command)
        return words.positions[0] if words else ""

    @property
    def in_words(self) -> set[str]:
        """The parameters that its words bind."""
        return set(PARAMETER.findall(self.command))


class Function(BaseModel):
    """A function that the agent may call."""

    model_config = STRICT
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$"), AfterValidator(_with_a_letter)]
    description: Text
    parameters: Parameters = Parameters()
    model_name: Annotated[str, Field(pattern=r"^\w+$"), AfterValidator(_with_a_letter)] | None = None
    model_parameters: dict[str, str] = {}
    commands: list[Template] = []
    dangerous: bool = False
    """Whether a dangerous command may stand for it; without it, such a command never becomes a call."""

    @field_validator("commands", mode="before")
    @classmethod
    def _short_form(cls, commands: Any) -> Any:
        if not isinstance(commands, list):
            return commands
        return [{"command": entry} if isinstance(entry, str) else entry for entry in commands]

    @model_validator(mode="after")
    def _check(self) -> "Function":
        self._check_names()
        for number, template in enumerate(self.commands):
            if reason := self._fault(template):
                raise PlacedError(f"the template {template.command!r} {reason}", ("commands", number))
        return self

    @cached_property
    def names(self) -> FunctionNames:
        """The names inside the model: dashes and dots become underscores, parameters as `model_parameters` says."""
        inside = self.model_name or re.sub(r"\W", "_", self.name)
        return FunctionNames(
            inside, {name: self.model_parameters.get(name, name) for name in self.parameters.properties}
        )

    def schema_for_model(self) -> dict[str, Any]:
        """Returns the bare JSON schema in the agent's names, as `PromptFile.render` takes it."""
        parameters = self.parameters.schema_for_model()
        return {"name": self.name, "description": self.description, "parameters": parameters}

    def _check_names(self) -> None:
        properties = self.parameters.properties
        for name in self.model_parameters:
            if name not in properties:
                raise ValueError(f"model_parameters names {name}, which is no property")
        for name, inside in self.names.parameters.items():
            if inside in RESERVED_PARAMETERS:
                raise ValueError(
                    f"the prompt format cannot declare a parameter named {inside}; "
                    f"give it another name inside the model: model_parameters: {{{name}: …}}"
                )
            if not re.fullmatch(r"\w+", inside):
                raise ValueError(f"the parameter {name} needs a name of letters, digits and _: use model_parameters")
        inside, count = Counter(self.names.parameters.values()).most_common(1)[0] if properties else ("", 0)
        if count > 1:
            raise ValueError(f"two parameters of {self.name} have the name {inside} inside the model")

    def _fault(self, template: Template) -> str:
        """Returns what is wrong with a template, empty where nothing is."""
        properties = self.parameters.properties
        for name in sorted(template.bound):
            if name not in properties:
                return f"names {name or '{}'}, no parameter of {self.name}"
        for name in sorted(template.in_words):
            if name in template.arguments:
                return f"binds {name}, and sets it under arguments as well; keep one"
            if properties[name].type not in SCALARS:
                return f"binds {name}, {_with_article(properties[name].type)}, to a word; set it under arguments"
        if missing := [name for name in self.parameters.required if name not in template.bound]:
            return f"gives no value to {', '.join(missing)}"
        for name, value in template.arguments.items():
            if not is_valid(properties[name], value):
                return f"sets {name} to {value!r}, not as declared"
        return ""


def _with_article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


class Policy(BaseModel):
    """Which command of an alert is its remedy: by the kind of section, then by the section's heading, then the first.

    sections: kinds in order; a command in another is never the remedy. headings: beginnings of headings in order,
    any case; others come last. no_call: alerts that are answered by no call, whatever their commands.
    """

    model_config = STRICT
    sections: list[Literal[KINDS]] = ["mitigation", "other", "diagnosis", "verification"]  # type: ignore[valid-type]
    headings: list[str] = ["resolution", "remediation", "fix", "mitigation", "workaround"]
    no_call: list[str] = []


class Confirmed(BaseModel):
    """A command that the runbook leaves in doubt and that is to be run for an alert all the same."""

    model_config = STRICT
    alert: str
    command: str


class Tools(BaseModel):
    """The whole file. rules: patterns of PrometheusRule files, from the repository's root, besides the agent's own.

    strict_rules: whether a rule that cannot be used keeps a dataset from being made.
    """

    model_config = STRICT
    functions: list[Function] = Field(min_length=1)
    policy: Policy = Policy()
    rules: list[str] = []
    strict_rules: bool = False
    placeholders: dict[str, Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]] = {}
    confirm: list[Confirmed] = []

    @model_validator(mode="after")
    def _unique(self) -> "Tools":
        for what, names in (
            ("name", [function.name for function in self.functions]),
            ("name inside the model", [function.names.model for function in self.functions]),
        ):
            for number, name in enumerate(names):
                if name in names[:number]:
                    raise PlacedError(f"two functions have the {what} {name}", ("functions", number))
        return self

    @model_validator(mode="after")
    def _clear(self) -> "Tools":
        if found := clash(self._forms()):
            first, second = found
            form = f"the template {second.command!r} has the words of {first.command!r}"
            if says_the_same(first, second):
                raise PlacedError(f"{form}, which says the same; keep one", second.place)
            told = "a command of this form would be two calls; make the words differ, or keep one"
            raise PlacedError(f"{form} of {first.function}: {told}", second.place)
        return self

    def _forms(self) -> Iterator[Form]:
        for place, function in enumerate(self.functions):
            for number, template in enumerate(function.commands):
                yield Form(
                    function.name,
                    template.command,
                    template.arguments,
                    function.parameters.properties,
                    ("functions", place, "commands", number),
                )

    @property
    def names(self) -> NameMap:
        """The names of every function outside and inside the model."""
        return NameMap({function.name: function.names for function in self.functions})

    def confirms(self, alert: str, command: str) -> bool:
        """Returns whether a command is confirmed for an alert, however it is spaced."""
        words = command.split()
        return any(each.alert == alert and each.command.split() == words for each in self.confirm)

    def function(self, name: str) -> Function | None:
        """Returns the function of a deployed name, None where there is none."""
        return next((function for function in self.functions if function.name == name), None)


@lru_cache(maxsize=4)
def read_tools(text: str, name: str) -> Tools:
    """Returns the functions in the text of the file `name`.

    Raises StageError, naming file and line, for what is not YAML, an unknown key, a wrong type,
    duplicate or reserved names, and a template of an unknown parameter.
    """
    return strict_yaml.read(text, name, Tools)
