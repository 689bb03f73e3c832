"""Which time stamp is whose picture's, and which packets never became one."""

from __future__ import annotations

import heapq


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

    def delivered(self, pts: int | None, *, key: bool = False) -> tuple[list[int], int | None]:
        """A picture came out with a stamp: the stamps lost before it, in order of presentation, and its own.

        Args:
            pts: its stamp.
            key: whether it was decoded without others.
        """
        del key
        if pts is None:
            return [], None
        earlier = sorted(p for p in self._pending if p < pts)
        self._pending.discard(pts)
        self._pending.difference_update(earlier)
        if not self._failures or not earlier:
            return [], pts
        self._failures = max(0, self._failures - len(earlier))
        return earlier, pts

    def finish(self) -> list[int]:
        """The stream ended: the stamps that are still missing, if the decoder ever failed."""
        lost = sorted(self._pending) if self._ever_failed else []
        self._pending.clear()
        return lost


class CodingOrderLedger(PacketLedger):
    """For files whose packets are numbered in the order in which they are stored, as AVI does.

    Where pictures refer to later ones, that order is not the one in which they are shown, and a picture comes out with
    a stamp of another. But the decoder gives them in the order of presentation, so each has the lowest stamp that is
    left. After a failure the lowest is the lost one's. What was stored before a key picture is shown before it, or not
    at all.
    """

    def __init__(self) -> None:
        super().__init__()
        self._stamps: list[int] = []  # heap

    def sent(self, pts: int | None, *, shown: bool) -> None:
        """A packet went into the decoder."""
        if pts is not None and shown:
            heapq.heappush(self._stamps, pts)

    def delivered(self, pts: int | None, *, key: bool = False) -> tuple[list[int], int | None]:
        """A picture came out: the stamps lost before it, and its own."""
        while key and pts is not None and not self._failures and self._stamps and self._stamps[0] < pts:
            heapq.heappop(self._stamps)
        lost = [heapq.heappop(self._stamps) for _ in range(min(self._failures, len(self._stamps) - 1))]
        self._failures = 0
        return lost, heapq.heappop(self._stamps) if self._stamps else pts

    def finish(self) -> list[int]:
        """The stream ended: the stamps that are still missing, if the decoder ever failed."""
        self._pending.update(self._stamps)
        return super().finish()
