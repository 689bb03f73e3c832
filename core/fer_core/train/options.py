"""Parts of a recipe that are named in a table: a name, and the keyword-only arguments of the function behind it.

``losses = { focal = { gamma = 2 } }`` calls ``LOSSES["focal"]`` with ``gamma=2.0``. The functions' signatures are the
only list of options there is, so a recipe cannot name one that no code reads.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any


class RecipeError(Exception):
    """A recipe cannot be used; the message names the key and the remedy."""


def suggest(word: str, known: Iterable[str]) -> str:
    """``"; did you mean 'blur'?"``, or nothing when no known word is close."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def check_keys(given: Any, known: Iterable[str], where: str) -> None:
    """Refuses what is no table, and keys that are not known.

    Raises:
        RecipeError: naming the key and the nearest one that is known.
    """
    if not isinstance(given, Mapping):
        raise RecipeError(f"{where}: expected a table of keys and values, not {given!r}")
    known = list(known)
    for key in given:
        if key not in known:
            raise RecipeError(f"{where}: unknown key {key!r}{suggest(key, known)}")


def typed(value: Any, default: Any, where: str) -> Any:
    """The value in the type of the default; a whole number does for a real one, a list for a tuple.

    Raises:
        RecipeError: when it is of another type.
    """
    wanted = type(default)
    if wanted is float and type(value) is int:
        return float(value)
    if wanted is tuple and type(value) is list:
        return tuple(value)
    if type(value) is not wanted:
        raise RecipeError(f"{where}: expected {wanted.__name__}, not {value!r}")
    return value


def options_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Names and defaults of the keyword-only arguments of a function or class."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}


def choose(
    table: Mapping[str, Callable[..., Any]], name: str, given: Mapping[str, Any], where: str
) -> tuple[Callable[..., Any], dict[str, Any]]:
    """The function of that name, and the options given for it in the types of their defaults.

    Raises:
        RecipeError: when the table has no such name, or the function no such option.
    """
    if name not in table:
        raise RecipeError(f"{where}: unknown name {name!r}{suggest(name, table)} (known: {', '.join(sorted(table))})")
    defaults = options_of(table[name])
    check_keys(given, defaults, where)
    return table[name], {key: typed(value, defaults[key], f"{where}.{key}") for key, value in given.items()}
