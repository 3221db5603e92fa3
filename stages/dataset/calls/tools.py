"""training/tools.yaml: the functions that an agent may call, and the commands that stand for them."""

import re
from collections import Counter
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_validator, model_validator

from shared.contract import MAX_INTEGER
from shared.function_call import CONTROL_TOKENS, RESERVED_PARAMETERS
from shared.prompt import FunctionNames, NameMap
from stages.dataset import strict_yaml
from stages.dataset.calls.words import split
from stages.dataset.runbook.alert import KINDS

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)
JsonType = Literal["string", "integer", "number", "boolean"]
_PLACEHOLDER = re.compile(r"\{(\w*)\}")


def _plain(text: str) -> str:
    """Returns a text that the model may read. Raises ValueError for what it would take for structure."""
    for token in CONTROL_TOKENS:
        if token in text:
            raise ValueError(f"the text holds the control token {token}, which the model takes for structure")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the text holds half a character")
    return text


Text = Annotated[str, AfterValidator(_plain)]


def _constant(value: Any) -> Any:
    """Returns an argument's value. Raises ValueError for what a call cannot hold."""
    if isinstance(value, str):
        return _plain(value)
    if not isinstance(value, bool | int | float):
        raise ValueError("an argument is a text, a number, true or false")
    if not -MAX_INTEGER <= value <= MAX_INTEGER:  # NaN is not, either
        raise ValueError(f"{value!r:.40} is no number that a call can hold")
    return value


class Property(BaseModel):
    """One parameter as JSON schema."""

    model_config = STRICT
    type: JsonType
    description: Text = ""
    enum: list[Text] | None = None

    @model_validator(mode="after")
    def _enum_of_strings(self) -> "Property":
        if self.enum is not None and (self.type != "string" or not self.enum):
            raise ValueError("enum needs the type string and at least one value")
        return self


class Parameters(BaseModel):
    """The parameters of a function as JSON schema."""

    model_config = STRICT
    type: Literal["object"] = "object"
    properties: dict[str, Property] = {}
    required: list[str] = []

    @model_validator(mode="after")
    def _required_exist(self) -> "Parameters":
        for name in self.required:
            if name not in self.properties:
                raise ValueError(f"required names {name}, which is no property")
        return self


class Template(BaseModel):
    """A command form that stands for a call: `{x}` binds the parameter x, `arguments` are constants."""

    model_config = STRICT
    command: Text
    arguments: dict[str, Annotated[Any, AfterValidator(_constant)]] = {}

    @field_validator("command")
    @classmethod
    def _simple(cls, command: str) -> str:
        words = split(command)
        if words is None or not words.positions or _PLACEHOLDER.search(words.positions[0]):
            raise ValueError(f"{command!r:.80} is no simple command: it needs a program, and no pipeline or variable")
        return command

    @property
    def bound(self) -> set[str]:
        """The parameters that a match of this form gives a value."""
        return {*_PLACEHOLDER.findall(self.command), *self.arguments}


class Function(BaseModel):
    """A function that the agent may call."""

    model_config = STRICT
    name: str = Field(pattern=r"^[A-Za-z0-9_.-]+$")
    description: Text
    parameters: Parameters = Parameters()
    model_name: str | None = Field(default=None, pattern=r"^\w+$")
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
        for template in self.commands:
            self._check_template(template)
        return self

    @property
    def names(self) -> FunctionNames:
        """The names inside the model: dashes and dots become underscores, parameters as `model_parameters` says."""
        inside = self.model_name or re.sub(r"\W", "_", self.name)
        return FunctionNames(
            inside, {name: self.model_parameters.get(name, name) for name in self.parameters.properties}
        )

    def schema_for_model(self) -> dict[str, Any]:
        """Returns the bare JSON schema in the agent's names, as `PromptFile.render` takes it."""
        parameters = self.parameters.model_dump(exclude_none=True)
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

    def _check_template(self, template: Template) -> None:
        properties = self.parameters.properties
        for name in sorted(template.bound):
            if name not in properties:
                raise ValueError(f"the template {template.command!r} names {name or '{}'}, no parameter of {self.name}")
        if missing := [name for name in self.parameters.required if name not in template.bound]:
            raise ValueError(f"the template {template.command!r} gives no value to {', '.join(missing)}")
        for name, value in template.arguments.items():
            if not is_valid(properties[name], value):
                raise ValueError(f"the template {template.command!r} sets {name} to {value!r}, not as declared")


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
    """The whole file. rules: patterns of PrometheusRule files, from the repository's root, besides the agent's own."""

    model_config = STRICT
    functions: list[Function] = Field(min_length=1)
    policy: Policy = Policy()
    rules: list[str] = []
    placeholders: dict[str, Annotated[str, Field(pattern="^[A-Za-z_][A-Za-z0-9_]*$")]] = {}
    confirm: list[Confirmed] = []

    @model_validator(mode="after")
    def _unique(self) -> "Tools":
        for what, names in (
            ("name", [function.name for function in self.functions]),
            ("name inside the model", [function.names.model for function in self.functions]),
        ):
            name, count = Counter(names).most_common(1)[0]
            if count > 1:
                raise ValueError(f"two functions have the {what} {name}")
        return self

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


def is_valid(declared: Property, value: Any) -> bool:
    """Returns whether a value has the declared type and is one of the declared choices."""
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "number": (int, float),
        "boolean": (bool,),
    }
    return type(value) in kinds[declared.type] and (declared.enum is None or value in declared.enum)


def read_tools(text: str, name: str) -> Tools:
    """Returns the functions in the text of the file `name`.

    Raises StageError, naming file and line, for what is not YAML, an unknown key, a wrong type,
    duplicate or reserved names, and a template of an unknown parameter.
    """
    return strict_yaml.read(text, name, Tools)
