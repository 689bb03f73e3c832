"""Which packets never became a picture."""

from __future__ import annotations


class PacketLedger:
    """Finds the time stamps of packets that the decoder lost.

    A decoder with several threads reports a failure some packets late, so the failing packet is not the one at hand.
    What is certain is the order of presentation: a stamp below that of a delivered frame, itself never delivered, is
    lost. Stamps are only called lost after a failure was reported, because sound files hold packets without a picture
    of their own (reference-only frames, frames cut off by an edit list).

    Memory: the stamps inside the decoder, some dozens.
    """

    def __init__(self) -> None:
        self._pending: set[int] = set()
        self._failures = 0
        self._ever_failed = False

    def sent(self, pts: int | None, *, shown: bool) -> None:
        """A packet went into the decoder; ``shown`` is False for packets that are not meant to be seen."""
        if pts is not None and shown:
            self._pending.add(pts)

    def failed(self) -> None:
        """The decoder reported that it could not decode something."""
        self._failures += 1
        self._ever_failed = True

    def delivered(self, pts: int | None) -> list[int]:
        """A picture came out: the stamps lost before it, in order of presentation."""
        if pts is None:
            return []
        earlier = sorted(p for p in self._pending if p < pts)
        self._pending.discard(pts)
        self._pending.difference_update(earlier)
        if not self._failures or not earlier:
            return []
        self._failures = max(0, self._failures - len(earlier))
        return earlier

    def finish(self) -> list[int]:
        """The stream ended: the stamps that are still missing, if the decoder ever failed."""
        lost = sorted(self._pending) if self._ever_failed else []
        self._pending.clear()
        return lost
