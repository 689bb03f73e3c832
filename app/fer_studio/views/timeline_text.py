"""Times as people read them."""

from __future__ import annotations


def clock_text(time_s: float, decimals: int = 2) -> str:
    """``3723.5 -> 1:02:03.50``; hours only when there are some."""
    sign = "-" if time_s < 0 else ""
    ticks = round(abs(time_s) * 10**decimals)
    seconds, fraction = divmod(ticks, 10**decimals)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    head = f"{hours}:{minute:02d}" if hours else f"{minute}"
    return f"{sign}{head}:{second:02d}" + (f".{fraction:0{decimals}d}" if decimals else "")
