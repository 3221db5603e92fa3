"""What a Python source tells of a function: what it takes, what it is for, which commands it runs. Never run."""

import ast
import re
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from stages.dataset.adopt.drafted import NAME, WORDS, Drafted, Form, Parameter, in_short, normal
from stages.dataset.adopt.sources.python_commands import Scope, is_event, walk

_GENERAL, _HANDLERS, _DECORATORS = set(WORDS["general_names"]), set(WORDS["handlers"]), set(WORDS["decorators"])
_TYPES: dict[str, str] = WORDS["types"]
_HEADER = re.compile(r"(?:parameters|params|arguments|args|event|input)s?\s*:?", re.IGNORECASE)
_LINE = re.compile(r"[-*]?\s*(?::param\s+(?:\w+\s+)?)?[`'\"]?(\w+)[`'\"]?\s*(?:\(([^()]*)\))?\s*(?::|--| - )\s*(\S.*)")
_REMARK = re.compile(r"\s*\((required|optional|default)\b[:=]?\s*([^()]*)\)", re.IGNORECASE)
_CHOICES = re.compile(r"(?:['\"`][\w.-]+['\"`](?:\s*(?:,|or|\||/)\s*(?:or\s+)?)?){2,8}")
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef
_IGNORED = {"self", "cls", "context", "ctx", "_", "args", "kwargs"}


def parsed(text: str) -> ast.Module | None:
    """Returns a source's syntax tree, None where it is no Python of today."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def is_general(stem: str) -> bool:
    """Returns whether a file's name says what it is, such as `main`, and not what it does."""
    return normal(stem) in _GENERAL


def file_names(path: str) -> list[str]:
    """Returns the names that a file may go by as a function's source: its own, or its folder's where it is general."""
    file = PurePosixPath(path)
    stem = normal(file.stem)
    return [stem] if stem not in _GENERAL else [name for name in (normal(file.parent.name),) if name not in _GENERAL]


def tools_in(tree: ast.Module, path: str) -> Iterator[Drafted]:
    """Yields the functions that a decorator such as `@tool` makes callable by an agent."""
    for node in ast.walk(tree):
        if isinstance(node, _FUNCTION) and any(map(_is_tool, node.decorator_list)) and NAME.fullmatch(node.name):
            yield _drafted(node.name, node, tree, path)


def handler_in(tree: ast.Module, name: str, path: str, is_sure: bool = True) -> Drafted | None:
    """Returns what the function that a platform calls, or one of that name, tells; None where there is none.

    is_sure: whether the file is known to be the function's source, so that its only function, or its first one that
    runs a command, will do as well.
    """
    own = [node for node in tree.body if isinstance(node, _FUNCTION)]
    named = [node for node in own if normal(node.name) in (normal(name), *_HANDLERS)]
    others = [node for node in own if _has_subprocess(node)] or (own if len(own) == 1 else [])
    chosen = (named or (others if is_sure else []))[:1]
    return _drafted(name, chosen[0], tree, path) if chosen else None


def _has_subprocess(node: _FUNCTION) -> bool:
    return any(getattr(inner, "id", "") == "subprocess" for inner in ast.walk(node))


def is_handler(tree: ast.Module) -> bool:
    """Returns whether a source has a function that a platform calls."""
    return any(isinstance(node, _FUNCTION) and node.name in _HANDLERS for node in tree.body)


def _is_tool(decorator: ast.expr) -> bool:
    found = decorator.func if isinstance(decorator, ast.Call) else decorator
    last = found.attr if isinstance(found, ast.Attribute) else found.id if isinstance(found, ast.Name) else ""
    return last.lower() in _DECORATORS


def _drafted(name: str, node: _FUNCTION, tree: ast.Module, path: str) -> Drafted:
    try:
        return _told_of(name, node, tree, path)
    except RecursionError:
        return Drafted(name, "Python source", places=(path,), notes=(f"{path} nests too deep to be read",))


def _told_of(name: str, node: _FUNCTION, tree: ast.Module, path: str) -> Drafted:
    taken = [] if _takes_event(node) else _signature(node)
    events = set() if taken else {argument.arg for argument in node.args.args[:1]}
    read = list(_read_of_event(node, events))
    told = _docstring(ast.get_docstring(node) or "")
    known = {p.name: p for p in (*taken, *read)}
    defaults = {p.name: p.default for p in known.values() if p.default}
    scope = Scope({p.name: p.name for p in taken}, events, _constants(tree), defaults=defaults)
    walk(node.body, scope)
    parameters = [_with_told(p, told, scope, _compared(node, p.name, scope)) for p in known.values()]
    forms = tuple(dict.fromkeys(Form(text, held, f"{path}, line {line}") for line, text, held in scope.found))
    unclear = [f"{path}, line {line}, runs a command that is made as it runs" for line in scope.unclear]
    description = in_short(ast.get_docstring(node) or "")
    return Drafted(name, "Python source", description, tuple(parameters), forms, (path,), tuple(unclear))


def _takes_event(node: _FUNCTION) -> bool:
    """Returns whether a function takes its request as one object, as those do that a platform calls."""
    names = [argument.arg for argument in node.args.args if argument.arg not in _IGNORED]
    asked = {ast.unparse(found.value) for found in ast.walk(node) if _is_asked(found)}  # type: ignore[attr-defined]
    return node.name in _HANDLERS or (len(names) == 1 and names[0] in asked)


def _is_asked(node: ast.AST) -> bool:
    return isinstance(node, ast.Subscript) or (isinstance(node, ast.Attribute) and node.attr == "get")


def _signature(node: _FUNCTION) -> list[Parameter]:
    arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
    first = [None] * (len(arguments) - len(node.args.defaults) - len(node.args.kwonlyargs))
    defaults = [*first, *node.args.defaults, *node.args.kw_defaults]
    return [
        _argument(argument, default)
        for argument, default in zip(arguments, defaults, strict=True)
        if argument.arg not in _IGNORED
    ]


def _argument(argument: ast.arg, default: ast.expr | None) -> Parameter:
    said = ast.unparse(argument.annotation) if argument.annotation else ""
    choices = re.findall(r"['\"]([^'\"]+)['\"]", said) if "Literal[" in said else []
    kind = "string" if choices else next((_TYPES[w] for w in re.findall(r"\w+", said.lower()) if w in _TYPES), "")
    shown = _constant(default)
    return Parameter(argument.arg, kind, enum=tuple(choices), required=default is None, default=shown)


def _read_of_event(node: _FUNCTION, events: set[str]) -> Iterator[Parameter]:
    """Yields what a function reads of its request; required where it has no other value for it."""
    scope = Scope({}, set(events))
    for found in ast.walk(node):
        if isinstance(found, ast.Assign | ast.AnnAssign) and isinstance(found.value, ast.expr):
            target = found.targets[0] if isinstance(found, ast.Assign) else found.target
            before = set(scope.events)
            walk([found], scope)
            if isinstance(target, ast.Name) and before < scope.events:
                continue
        if isinstance(found, ast.Call | ast.Subscript):
            yield from _read_by(found, scope)


def _read_by(found: ast.Call | ast.Subscript, scope: Scope) -> Iterator[Parameter]:
    if is_event(found, scope):
        return
    probe = Scope({}, scope.events)
    walk([ast.copy_location(ast.Assign([ast.Name("value", ast.Store())], found), found)], probe)
    name = probe.parameters.get("value", "")
    if name and not probe.casts:
        default = found.args[1] if isinstance(found, ast.Call) and len(found.args) > 1 else None
        is_required = isinstance(found, ast.Subscript) or None
        yield Parameter(name, required=False if default else is_required, default=_constant(default))


def _constant(node: ast.expr | None) -> str:
    value = node.value if isinstance(node, ast.Constant) else None
    return str(value).lower() if isinstance(value, bool) else str(value) if isinstance(value, str | int | float) else ""


def _constants(tree: ast.Module) -> dict[str, str]:
    """Returns the texts that a module's names hold."""
    found = [node for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)]
    return {node.targets[0].id: _constant(node.value) for node in found if _constant(node.value)}  # type: ignore[attr-defined]


def _compared(node: _FUNCTION, name: str, scope: Scope) -> list[str]:
    """Returns the texts that a parameter is compared with: what it may be."""
    found: list[object] = []
    for test in ast.walk(node):
        if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and len(test.comparators) == 1:
            value = test.comparators[0]
            values = value.elts if isinstance(value, ast.List | ast.Tuple | ast.Set) else [value]
            if scope.parameters.get(test.left.id) == name:
                found += [each.value for each in values if isinstance(each, ast.Constant)]
    return list(dict.fromkeys(text for text in found if isinstance(text, str) and text))


def _with_told(parameter: Parameter, told: dict[str, Parameter], scope: Scope, compared: Sequence[str]) -> Parameter:
    said = told.get(parameter.name, Parameter(parameter.name))
    choices = dict.fromkeys([*([parameter.default] if compared and parameter.default else []), *compared])
    enum = parameter.enum or said.enum or (tuple(choices) if len(choices) > 1 else ())
    # What is made a text before it goes into a command was none, and a number is what a command takes.
    number = "integer" if parameter.name in scope.casts and not enum and not parameter.default else ""
    required = said.required if said.required is not None else parameter.required
    return replace(
        parameter,
        type=parameter.type or said.type or ("string" if enum else number),
        description=said.description,
        enum=enum if (parameter.type or "string") == "string" else (),
        required=required,
        default=parameter.default or said.default,
    )


def _docstring(text: str) -> dict[str, Parameter]:
    """Returns what a docstring says of parameters, in any of the usual styles."""
    found: dict[str, Parameter] = {}
    is_within = False
    for line in text.splitlines():
        stripped = line.strip()
        if _HEADER.fullmatch(stripped):
            is_within = True
        elif stripped and (is_within or stripped.startswith(":param")) and (read := _LINE.match(stripped[:400])):
            found.setdefault(read[1], _told_by(read[1], read[2] or "", read[3]))
        elif stripped.endswith(":"):
            is_within = False
    return found


def _told_by(name: str, aside: str, text: str) -> Parameter:
    remarks = {word.lower(): value.strip(" :=`'\"") for word, value in _REMARK.findall(f"{text} ({aside})")}
    kind = next((_TYPES[word] for word in re.findall(r"\w+", aside.lower()) if word in _TYPES), "")
    required = True if "required" in remarks else False if remarks else None
    plain = _REMARK.sub("", text).strip()
    choices = re.findall(r"['\"`]([\w.-]+)['\"`]", plain) if _CHOICES.search(plain) else []
    description = "" if choices and _CHOICES.fullmatch(plain) else in_short(plain)
    return Parameter(name, kind, description, tuple(choices), required, remarks.get("default", ""))
