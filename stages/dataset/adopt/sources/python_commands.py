"""Command forms in a Python function, by its syntax tree alone: nothing is imported and nothing is run.

Statements are walked in their order, both ways of each `if`; a variable may hold one of several lists by then.
"""

import ast
import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import PurePosixPath

from stages.dataset.adopt.drafted import WORDS

MOST_WAYS = 24  # lists that one variable may hold; more are no forms that anybody reads
_MODULES, _CALLS, _BARE = set(WORDS["run_modules"]), set(WORDS["run_calls"]), set(WORDS["bare_run_calls"])
_CASTS = {"str", "int", "float", "quote"}
_TEXT_METHODS = {"strip", "lower", "upper", "rstrip", "lstrip"}
_SHELLS = {"sh", "bash", "/bin/sh", "/bin/bash"}

Known = tuple[tuple[str, str], ...]  # what an `if` asked of parameters, on the way here


@dataclass(frozen=True)
class Way:
    """A list of words that a variable may hold, and what was asked on the way."""

    words: tuple[str, ...] | None
    known: Known = ()


@dataclass
class Scope:
    """What names stand for at a place. parameters: of Python names; events: names that hold the whole request.

    found: command and what is known, by line; unclear: lines of commands that are made only when the program runs.
    """

    parameters: dict[str, str]
    events: set[str]
    texts: dict[str, str] = field(default_factory=dict)
    ways: dict[str, tuple[Way, ...]] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    found: list[tuple[int, str, Known]] = field(default_factory=list)
    unclear: list[int] = field(default_factory=list)
    casts: set[str] = field(default_factory=set)


def walk(body: Sequence[ast.stmt], scope: Scope, known: Known = ()) -> None:
    """Adds the commands that statements run to the scope."""
    for statement in body:
        if isinstance(statement, ast.If):
            _branches(statement, scope, known)
            continue
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        for expression in _expressions(statement):
            _calls(expression, scope, known)
        if isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            _assign(statement, scope, known)
        for inner in ("body", "orelse", "finalbody"):
            walk(getattr(statement, inner, []), scope, known)
        for handler in (*getattr(statement, "handlers", []), *getattr(statement, "cases", [])):
            walk(handler.body, scope, known)


def _expressions(statement: ast.stmt) -> Iterator[ast.expr]:
    """Yields the expressions of a statement itself, not those of the statements in it."""
    for _, value in ast.iter_fields(statement):
        for found in value if isinstance(value, list) else [value]:
            if isinstance(found, ast.expr):
                yield found
            elif isinstance(found, ast.withitem):
                yield found.context_expr


def _branches(statement: ast.If, scope: Scope, known: Known) -> None:
    before = dict(scope.ways)
    asked = _asked(statement.test, scope)
    _calls(statement.test, scope, known)
    walk(statement.body, scope, _with(known, asked))
    after = dict(scope.ways)
    scope.ways = dict(before)
    walk(statement.orelse, scope, _with(known, _otherwise(asked, scope)))
    other = scope.ways
    ends = bool(statement.body) and isinstance(statement.body[-1], ast.Return | ast.Raise | ast.Continue | ast.Break)
    scope.ways = other if ends else {name: _either(after.get(name), other.get(name)) for name in {*after, *other}}


def _either(one: tuple[Way, ...] | None, other: tuple[Way, ...] | None) -> tuple[Way, ...]:
    return tuple(dict.fromkeys((*(one or ()), *(other or ()))))[:MOST_WAYS]


def _with(known: Known, more: Known) -> Known:
    return tuple(sorted(dict((*known, *more)).items()))


def _asked(test: ast.expr, scope: Scope) -> Known:
    """Returns what `kind == 'pod'` asks of a parameter; nothing for any other test."""
    if isinstance(test, ast.Compare) and len(test.ops) == 1 and isinstance(test.ops[0], ast.Eq):
        name, value = _parameter(test.left, scope), test.comparators[0]
        if name and isinstance(value, ast.Constant) and isinstance(value.value, str):
            return ((name, value.value),)
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.And):
        return tuple(pair for value in test.values for pair in _asked(value, scope))
    return ()


def _otherwise(asked: Known, scope: Scope) -> Known:
    """Returns what holds where it was asked in vain: the default, where that is another value."""
    if len(asked) != 1:
        return ()
    name, value = asked[0]
    default = scope.defaults.get(name, "")
    return ((name, default),) if default and default != value else ()


def _assign(statement: ast.Assign | ast.AnnAssign | ast.AugAssign, scope: Scope, known: Known) -> None:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    if statement.value is None or len(targets) != 1:
        return
    if isinstance(statement, ast.AugAssign):
        if isinstance(targets[0], ast.Name):
            _extend(targets[0].id, _list(statement.value, scope), scope, known)
        return
    seen = _snapshot(scope)
    for name, value in _pairs(targets[0], statement.value):
        for held in (scope.ways, scope.texts, scope.parameters):
            held.pop(name, None)
        scope.events.discard(name)
        if value is not None:
            _hold(name, value, seen, scope, known)


def _snapshot(scope: Scope) -> Scope:
    """Returns what names stand for before an assignment: `a, b = b, a` reads both before it writes either."""
    return replace(
        scope,
        parameters=dict(scope.parameters),
        events=set(scope.events),
        texts=dict(scope.texts),
        ways=dict(scope.ways),
    )


def _pairs(target: ast.expr, value: ast.expr | None) -> Iterator[tuple[str, ast.expr | None]]:
    """Yields the names that an assignment sets, each with its own value; None where only the program knows it."""
    if isinstance(target, ast.Name):
        yield target.id, value
    elif isinstance(target, ast.Starred):
        yield from _pairs(target.value, None)
    elif isinstance(target, ast.Tuple | ast.List):
        values = list(value.elts) if isinstance(value, ast.Tuple | ast.List) else []
        is_plain = len(values) == len(target.elts) and not any(
            isinstance(each, ast.Starred) for each in (*target.elts, *values)
        )
        for place, each in enumerate(target.elts):
            yield from _pairs(each, values[place] if is_plain else None)


def _hold(name: str, value: ast.expr, seen: Scope, scope: Scope, known: Known) -> None:
    """Lets a name stand for a value, which is read in what was seen before."""
    if is_event(value, seen):
        scope.events.add(name)
    elif parameter := _parameter(value, seen):
        scope.parameters[name] = parameter
    elif isinstance(value, ast.List | ast.Tuple):
        scope.ways[name] = (Way(_list(value, seen), known),)
    elif isinstance(value, ast.IfExp):
        scope.ways |= _either_list(name, value, seen, known)
    elif isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add) and (ways := _ways(value, seen, known)):
        scope.ways[name] = ways
    elif isinstance(value, ast.Name) and value.id in seen.ways:
        scope.ways[name] = seen.ways[value.id]
    elif (text := _text(value, seen)) is not None:
        scope.texts[name] = text


def _either_list(name: str, value: ast.IfExp, scope: Scope, known: Known) -> dict[str, tuple[Way, ...]]:
    asked = _asked(value.test, scope)
    if not (isinstance(value.body, ast.List | ast.Tuple) and isinstance(value.orelse, ast.List | ast.Tuple)):
        return {}
    one = Way(_list(value.body, scope), _with(known, asked))
    return {name: (one, Way(_list(value.orelse, scope), _with(known, _otherwise(asked, scope))))}


def _extend(name: str, words: tuple[str, ...] | None, scope: Scope, known: Known) -> None:
    """Adds words to every list that a variable may hold."""
    scope.ways[name] = tuple(
        Way(None if way.words is None or words is None else (*way.words, *words), _with(way.known, known))
        for way in scope.ways.get(name, ())
    )


def _calls(expression: ast.expr, scope: Scope, known: Known) -> None:
    for node in ast.walk(expression):
        if isinstance(node, ast.Call):
            _grow(node, scope, known)
            if _runs(node) and node.args:
                _run(node, scope, known)


def _grow(call: ast.Call, scope: Scope, known: Known) -> None:
    """Follows `command.append(word)` and `command.extend([words])`."""
    function = call.func
    if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name) and len(call.args) == 1:
        if function.attr == "append":
            word = _text(call.args[0], scope)
            _extend(function.value.id, None if word is None else (word,), scope, known)
        elif function.attr == "extend":
            _extend(function.value.id, _list(call.args[0], scope), scope, known)


def _runs(call: ast.Call) -> bool:
    function = call.func
    if isinstance(function, ast.Attribute):
        owner = function.value.id if isinstance(function.value, ast.Name) else ""
        return function.attr.lower() in (_CALLS if owner in _MODULES else _BARE if owner in ("self", "cls") else ())
    return isinstance(function, ast.Name) and function.id.lower().lstrip("_") in _BARE


def _run(call: ast.Call, scope: Scope, known: Known) -> None:
    ways = _ways(call.args[0], scope, known)
    if not ways:
        text = _text(call.args[0], scope)
        ways = (Way(_words_of(call, text, scope), known),)
    for way in ways:
        command = _command(way.words)
        if command:
            scope.found.append((call.lineno, command, _with(way.known, known)))
        elif way.words is None and call.lineno not in scope.unclear:
            scope.unclear.append(call.lineno)


def _words_of(call: ast.Call, text: str | None, scope: Scope) -> tuple[str, ...] | None:
    """Returns the words of a command that is given as one text, or as several arguments."""
    if text is None:
        return None
    if len(call.args) > 1 and isinstance(call.func, ast.Attribute) and call.func.attr.endswith("exec"):
        rest = [_text(argument, scope) for argument in call.args]
        return None if None in rest else tuple(word for word in rest if word is not None)
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return None


def _ways(value: ast.expr, scope: Scope, known: Known) -> tuple[Way, ...]:
    """Returns the lists that an expression may be."""
    if isinstance(value, ast.Name):
        return scope.ways.get(value.id, ())
    if isinstance(value, ast.List | ast.Tuple):
        return (Way(_list(value, scope), known),)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        left, right = _ways(value.left, scope, known), _ways(value.right, scope, known)
        return tuple(_joined(one, other) for one in left for other in right)[:MOST_WAYS]
    return ()


def _joined(one: Way, other: Way) -> Way:
    words = None if one.words is None or other.words is None else (*one.words, *other.words)
    return Way(words, _with(one.known, other.known))


def _list(value: ast.expr, scope: Scope) -> tuple[str, ...] | None:
    """Returns the words of a list, None where one of them is known only when the program runs."""
    if not isinstance(value, ast.List | ast.Tuple):
        ways = scope.ways.get(value.id, ()) if isinstance(value, ast.Name) else ()
        return ways[0].words if len(ways) == 1 else None
    words: list[str] = []
    for element in value.elts:
        inner = _list(element.value, scope) if isinstance(element, ast.Starred) else None
        word = None if isinstance(element, ast.Starred) else _text(element, scope)
        if inner is None and word is None:
            return None
        words += inner if inner is not None else [word or ""]
    return tuple(words)


def _text(value: ast.expr, scope: Scope) -> str | None:
    """Returns a text with `{parameter}` for what it takes of the request; None where it cannot be told."""
    if isinstance(value, ast.Constant):
        return str(value.value) if isinstance(value.value, str | int | float) and value.value is not True else None
    if name := _parameter(value, scope):
        return f"{{{name}}}"
    if isinstance(value, ast.Name):
        return scope.texts.get(value.id)
    if isinstance(value, ast.JoinedStr):
        parts = [part.value if isinstance(part, ast.FormattedValue) else part for part in value.values]
        return _joined_text(parts, scope)
    if isinstance(value, ast.BinOp) and isinstance(value.op, ast.Add):
        return _joined_text([value.left, value.right], scope)
    if isinstance(value, ast.Call):
        return _text_of_call(value, scope)
    return None


def _joined_text(parts: Sequence[ast.expr], scope: Scope) -> str | None:
    texts = [_text(part, scope) for part in parts]
    return None if None in texts else "".join(text for text in texts if text is not None)


def _text_of_call(call: ast.Call, scope: Scope) -> str | None:
    function = call.func
    if isinstance(function, ast.Attribute) and function.attr == "format" and not call.keywords:
        template, filled = _text(function.value, scope), [_text(argument, scope) for argument in call.args]
        if template is None or None in filled or template.count("{}") != len(filled):
            return None
        pieces = template.split("{}")
        return pieces[0] + "".join(f"{word}{piece}" for word, piece in zip(filled, pieces[1:], strict=True))
    return None


def _parameter(value: ast.expr, scope: Scope) -> str:
    """Returns the parameter that an expression is, '' where it is none: `event.get('x')`, `event['x']`, `str(x)`."""
    if isinstance(value, ast.Name):
        return scope.parameters.get(value.id, "")
    if isinstance(value, ast.Subscript) and is_event(value.value, scope):
        return _key(value.slice)
    if isinstance(value, ast.BoolOp) and isinstance(value.op, ast.Or):
        return _parameter(value.values[0], scope)
    if not isinstance(value, ast.Call):
        return ""
    function = value.func
    if isinstance(function, ast.Attribute) and function.attr == "get" and is_event(function.value, scope):
        return _key(value.args[0]) if value.args else ""
    if isinstance(function, ast.Attribute) and function.attr in _TEXT_METHODS and not value.args:
        return _parameter(function.value, scope)
    is_cast = len(value.args) == 1 and getattr(function, "id", getattr(function, "attr", "")) in _CASTS
    if is_cast and (name := _parameter(value.args[0], scope)):
        scope.casts.add(name)
        return name
    return ""


def is_event(value: ast.expr, scope: Scope) -> bool:
    """Returns whether an expression holds the request, or a part such as `event.get('data', {})`."""
    if isinstance(value, ast.Name):
        return value.id in scope.events
    if isinstance(value, ast.BoolOp):
        return is_event(value.values[0], scope)
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "get_json":
        return True  # of a web framework's request
    inner = _key(value.slice) if isinstance(value, ast.Subscript) else ""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.args:
        function = value.func
        if function.attr == "loads":
            return any(is_event(argument, scope) or _parameter(argument, scope) for argument in value.args)
        inner = _key(value.args[0]) if function.attr == "get" else ""
        return inner in _PARTS and is_event(function.value, scope)
    return isinstance(value, ast.Subscript) and inner in _PARTS and is_event(value.value, scope)


_PARTS = {"data", "body", "payload", "parameters", "params", "arguments", "args", "input", "inputs", "detail"}


def _key(value: ast.expr) -> str:
    is_name = isinstance(value, ast.Constant) and isinstance(value.value, str)
    return value.value if is_name and re.fullmatch(r"\w{1,64}", value.value) else ""  # type: ignore[attr-defined]


def _command(words: tuple[str, ...] | None) -> str:
    """Returns words as a command line, '' where no program stands first."""
    if not words or "{" in words[0]:
        return ""
    if words[0] in _SHELLS and len(words) == 3 and words[1].startswith("-") and words[1].endswith("c"):
        return " ".join(words[2].split())
    program = PurePosixPath(words[0]).name
    return " ".join([program, *(_quoted(word) for word in words[1:])])


def _quoted(word: str) -> str:
    bare = re.sub(r"\{\w+\}", "x", word)
    return word if bare and shlex.quote(bare) == bare else shlex.quote(word)
