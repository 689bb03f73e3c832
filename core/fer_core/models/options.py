"""What every head's options have in common.

Options are frozen dataclasses with keywords only, so that a recipe's table can be read against their signature.
"""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Literal, get_args, get_origin, get_type_hints


def check_options(options: Any) -> None:
    """For ``__post_init__``: choices are among those of their ``Literal``, whole numbers at least 1.

    Raises:
        ValueError: that names the option, its value and what would do.
    """
    hints = get_type_hints(type(options))
    for field in fields(options):
        value, wanted = getattr(options, field.name), hints[field.name]
        if get_origin(wanted) is Literal and value not in get_args(wanted):
            choices = ", ".join(repr(c) for c in get_args(wanted))
            raise ValueError(f"{field.name} must be one of {choices}, not {value!r}")
        if wanted is int and value < 1:
            raise ValueError(f"{field.name} must be at least 1, not {value}")
