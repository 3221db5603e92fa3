"""The parameters of a function as JSON schema: what a call may hold, and what the model is told of it."""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel, to_snake

from shared.asking.schema import KEYWORDS, MAX_NUMBER, fault, has_type
from shared.function_call import CONTROL_TOKENS, RESERVED_PARAMETERS
from stages.dataset.calls import keywords
from stages.dataset.calls.placeholders import placeholders
from stages.dataset.strict_yaml import PlacedError

JsonType = Literal["string", "integer", "number", "boolean", "array", "object"]
SCALARS = ("string", "integer", "number", "boolean")
# The fields of Property that are checked, without those that hold schemas themselves.
_CHECKED = {to_snake(keyword) for keyword in KEYWORDS} - {"type", "items", "properties", "additional_properties"}
# What the prompt format takes for a key of a nested value.
_KEY = re.compile(r"[^\s{}\[\],:<>]+")


def plain(text: str) -> str:
    """Returns a text that the model may read. Raises ValueError for what it would take for structure."""
    for token in CONTROL_TOKENS:
        if token in text:
            raise ValueError(f"the text holds the control token {token}, which the model takes for structure")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("the text holds half a character")
    return text


def json_value(value: Any) -> Any:
    """Returns a JSON value that a call can hold. Raises ValueError for any other."""
    if isinstance(value, str):
        return plain(value)
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, list):
        return [json_value(entry) for entry in value]
    if isinstance(value, dict):
        return {_key(name): json_value(entry) for name, entry in value.items()}
    if not isinstance(value, int | float):
        raise ValueError("an argument is a text, a number, true, false, null, or a list or mapping of them")
    if not -MAX_NUMBER <= value <= MAX_NUMBER:  # NaN is not, either
        raise ValueError(f"{value!r:.40} is no number that a call can hold")
    return value


def _key(name: Any) -> str:
    if not isinstance(name, str) or not _KEY.fullmatch(name):
        raise ValueError(f"the key {name!r:.60} cannot stand in a call: it has spaces, brackets, commas or colons")
    return plain(name)


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except (re.error, RecursionError, OverflowError):
        raise ValueError(f"{text!r:.60} is no regular expression that can be checked; leave it out") from None
    return plain(text)


def _limit(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{value!r:.40} is no number")
    return json_value(value)


Text = Annotated[str, AfterValidator(plain)]
JsonValue = Annotated[Any, AfterValidator(json_value)]
Length = Annotated[int, Field(ge=0)]
Limit = Annotated[Any, AfterValidator(_limit)]
STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, frozen=True)
_SCHEMA = STRICT | ConfigDict(alias_generator=to_camel)


class Property(BaseModel):
    """One parameter, or a part of one, as JSON schema in the one form that `keywords.in_one_form` gives.

    format, title, examples and the like are carried, and not checked.
    """

    model_config = _SCHEMA
    refused_keys: ClassVar[dict[str, str]] = keywords.REFUSED
    type: JsonType
    description: Text = ""
    enum: list[JsonValue] | None = None
    nullable: bool = False
    default: JsonValue = None
    minimum: Limit = None
    maximum: Limit = None
    exclusive_minimum: Limit = None
    exclusive_maximum: Limit = None
    multiple_of: Annotated[int | float, Field(gt=0)] | None = None
    min_length: Length | None = None
    max_length: Length | None = None
    pattern: Annotated[str, AfterValidator(_pattern)] | None = None
    items: "Property | None" = None
    min_items: Length | None = None
    max_items: Length | None = None
    unique_items: bool = False
    properties: dict[str, "Property"] | None = None
    required: list[str] = []
    additional_properties: "bool | Property" = True
    min_properties: Length | None = None
    max_properties: Length | None = None
    format: Text | None = None
    title: Text | None = None
    examples: list[JsonValue] | None = None
    example: JsonValue = None
    deprecated: bool = False
    read_only: bool = False
    write_only: bool = False
    comment: Text | None = Field(default=None, alias="$comment")
    content_encoding: Text | None = None
    content_media_type: Text | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_form(cls, schema: Any) -> Any:
        return keywords.in_one_form(schema)

    @model_validator(mode="after")
    def _check(self) -> "Property":
        if self.enum is not None and not self.enum:
            raise PlacedError("enum needs at least one value", ("enum",))
        for choice in self.enum or ():
            if not has_type(self.type, choice):
                raise PlacedError(f"enum holds {choice!r:.40}, which is no {self.type}", ("enum",))
        check_required(self.required, self.properties or {})
        for name in self.properties or {}:
            _check_part(name)
        if self.default is not None and not is_valid(self, self.default):
            raise PlacedError(f"default is {self.default!r:.40}, not as declared", ("default",))
        return self

    @cached_property
    def checked(self) -> dict[str, Any]:
        """What a call's argument is held against: the keywords that `shared.asking.schema` checks."""
        found = self.model_dump(by_alias=True, exclude_unset=True, exclude_none=True, include=_CHECKED)
        if self.items:
            found["items"] = self.items.checked
        if self.properties is not None:
            found["properties"] = {name: part.checked for name, part in self.properties.items()}
        if "additional_properties" in self.model_fields_set:
            other = self.additional_properties
            found["additionalProperties"] = other.checked if isinstance(other, Property) else other
        return {"type": self.type, **found}

    def schema_for_model(self) -> dict[str, Any]:
        """Returns the schema as the prompt's renderer takes it, with every keyword that the author wrote.

        Choices are declared to the model for texts alone: those of other types stand in the description.
        """
        shown = {"type": self.type, "description": self._told(), **self._keywords(), **self._parts(is_item=False)}
        return {**shown, "properties": shown.get("properties", {})} if self.type == "object" else shown

    def _item_schema(self) -> dict[str, Any]:
        """Returns the schema of a list's items, all of whose keywords the prompt format shows."""
        about = {"description": self.description} if self.description else {}
        return {"type": self.type, **about, **self._keywords(), **self._parts(is_item=True)}

    def _told(self) -> str:
        if not self.enum or self.type == "string":
            return self.description
        choices = ", ".join(json.dumps(choice) for choice in self.enum)
        return f"{self.description.rstrip('. ')}{'. ' if self.description else ''}One of: {choices}"

    def _keywords(self) -> dict[str, Any]:
        parts = {"type", "description", "items", "properties", "additional_properties"}
        return self.model_dump(by_alias=True, exclude_unset=True, exclude_none=True, exclude=parts)

    def _parts(self, is_item: bool) -> dict[str, Any]:
        def shown(one: Property) -> dict[str, Any]:
            return one._item_schema() if is_item else one.schema_for_model()

        found: dict[str, Any] = {}
        if self.items:
            found["items"] = self.items._item_schema()
        if self.properties is not None:
            found["properties"] = {name: shown(one) for name, one in self.properties.items()}
        if "additional_properties" in self.model_fields_set:
            other = self.additional_properties
            found["additionalProperties"] = other._item_schema() if isinstance(other, Property) else other
        return found


class Parameters(BaseModel):
    """The parameters of a function as JSON schema."""

    model_config = _SCHEMA
    refused_keys: ClassVar[dict[str, str]] = keywords.REFUSED
    type: Literal["object"] = "object"
    properties: dict[str, Property] = {}
    required: list[str] = []
    additional_properties: bool = False
    title: Text | None = None
    description: Text | None = None
    json_schema: Text | None = Field(default=None, alias="$schema")
    comment: Text | None = Field(default=None, alias="$comment")

    @model_validator(mode="after")
    def _required_exist(self) -> "Parameters":
        check_required(self.required, self.properties)
        return self

    @property
    def checked(self) -> dict[str, Any]:
        """What a call's arguments are held against; none may stand there that is not declared."""
        properties = {name: declared.checked for name, declared in self.properties.items()}
        known = {"type": "object", "properties": properties, "additionalProperties": False}
        return known | ({"required": self.required} if self.required else {})

    def schema_for_model(self) -> dict[str, Any]:
        """Returns the schema as the prompt's renderer takes it."""
        properties = {name: declared.schema_for_model() for name, declared in self.properties.items()}
        return {"type": "object", "properties": properties, "required": self.required}


def check_required(required: list[str], properties: Mapping[str, Property]) -> None:
    """Raises ValueError where required names no property."""
    for name in required:
        if name not in properties:
            raise ValueError(f"required names {name}, which is no property")


def _check_part(name: str) -> None:
    if name in RESERVED_PARAMETERS:
        told = "the prompt format cannot declare it; give it another name, or make it a parameter of the function"
        raise PlacedError(f"{name} is a word of JSON schema: {told}", ("properties", name))
    try:
        _key(name)
    except ValueError as error:
        raise PlacedError(str(error), ("properties", name)) from None


def is_valid(declared: Property, value: Any) -> bool:
    """Returns whether a value is what is declared: its type, its choices, its limits, and so on for its parts.

    A text with marked placeholders fits a string without choices: a label's value is free text.
    """
    return not fault(declared.checked, value, lambda text: any(placeholders(text)))
