"""The one error of this package: which input, what is wrong with it, what to do."""

from __future__ import annotations


class MediaError(Exception):
    """A source or target cannot be used, or breaks off while in use.

    ``str()`` gives ``"<source>: <reason>; <remedy>"``, fit to be shown as it is.
    """

    def __init__(self, source: object, reason: str, remedy: str) -> None:
        self.source = str(source)
        self.reason = reason
        self.remedy = remedy
        super().__init__(self.source, reason, remedy)

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}; {self.remedy}"
