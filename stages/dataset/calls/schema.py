"""The parameters of a function as JSON schema: what a call may hold, and what the model is told of it."""

import json
import math
import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from shared.contract import MAX_INTEGER
from shared.function_call import CONTROL_TOKENS, RESERVED_PARAMETERS
from stages.dataset.calls import keywords
from stages.dataset.calls.placeholders import placeholders
from stages.dataset.strict_yaml import PlacedError

JsonType = Literal["string", "integer", "number", "boolean", "array", "object"]
SCALARS = ("string", "integer", "number", "boolean")
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "array": (list,),
    "object": (dict,),
}
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
    if not -MAX_INTEGER <= value <= MAX_INTEGER:  # NaN is not, either
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


def has_type(kind: str, value: Any) -> bool:
    """Returns whether a JSON value has a type of JSON schema; 3.0 is no integer, and true no number."""
    return type(value) in _TYPES[kind]


def is_valid(declared: Property, value: Any) -> bool:
    """Returns whether a value is what is declared: its type, its choices, its limits, and so on for its parts.

    A text with marked placeholders fits a string without choices: a label's value is free text.
    """
    if value is None:
        return declared.nullable
    if not has_type(declared.type, value):
        return False
    if isinstance(value, str) and any(placeholders(value)):
        return declared.enum is None
    if declared.enum is not None and value not in declared.enum:
        return False
    return _is_within(declared, value)


def _is_within(declared: Property, value: Any) -> bool:
    if isinstance(value, str):
        is_like = declared.pattern is None or re.search(declared.pattern, value) is not None
        return is_like and _counts(len(value), declared.min_length, declared.max_length)
    if isinstance(value, list):
        return _counts(len(value), declared.min_items, declared.max_items) and _has_valid_items(declared, value)
    if isinstance(value, dict):
        is_counted = _counts(len(value), declared.min_properties, declared.max_properties)
        return is_counted and _has_valid_properties(declared, value)
    return isinstance(value, bool) or _is_in_range(declared, value)


def _counts(count: int, least: int | None, most: int | None) -> bool:
    return (least is None or count >= least) and (most is None or count <= most)


def _has_valid_items(declared: Property, value: list[Any]) -> bool:
    is_unique = not declared.unique_items or len({json.dumps(one, sort_keys=True) for one in value}) == len(value)
    return is_unique and all(declared.items is None or is_valid(declared.items, one) for one in value)


def _has_valid_properties(declared: Property, value: dict[str, Any]) -> bool:
    known, other = declared.properties or {}, declared.additional_properties
    if any(name not in value for name in declared.required):
        return False
    for name, part in value.items():
        schema = known.get(name, other)
        # Beside properties with names, the model is told of no other.
        if schema is False or (schema is True and known):
            return False
        if isinstance(schema, Property) and not is_valid(schema, part):
            return False
    return True


def _is_in_range(declared: Property, value: int | float) -> bool:
    limits = (
        declared.minimum is None or value >= declared.minimum,
        declared.maximum is None or value <= declared.maximum,
        declared.exclusive_minimum is None or value > declared.exclusive_minimum,
        declared.exclusive_maximum is None or value < declared.exclusive_maximum,
        declared.multiple_of is None or _is_multiple(value, declared.multiple_of),
    )
    return all(limits)


def _is_multiple(value: int | float, step: int | float) -> bool:
    return math.isclose(math.remainder(value, step), 0, abs_tol=1e-9 * max(1.0, abs(value)))
