"""Lost pictures are named, unseen packets of sound files are not."""

from __future__ import annotations

from fer_core.media.ledger import CodingOrderLedger, PacketLedger


def test_ledger_names_the_lost_stamp_although_the_failure_is_reported_late():
    ledger = PacketLedger()
    for pts in (0, 4, 2):
        ledger.sent(pts, shown=True)
    assert ledger.delivered(0) == ([], 0)
    ledger.failed()
    assert ledger.delivered(4) == ([2], 4)
    assert ledger.finish() == []


def test_ledger_ignores_packets_without_a_picture_when_nothing_failed():
    ledger = PacketLedger()
    for pts in (0, 1, 2, 3):
        ledger.sent(pts, shown=True)
    assert [ledger.delivered(p) for p in (0, 2)] == [([], 0), ([], 2)]
    assert ledger.finish() == []


def test_ledger_does_not_expect_discarded_packets():
    ledger = PacketLedger()
    ledger.sent(-1, shown=False)
    ledger.sent(0, shown=True)
    ledger.failed()
    assert ledger.delivered(0) == ([], 0)


def test_ledger_names_what_is_missing_at_the_end_after_a_failure():
    ledger = PacketLedger()
    for pts in (0, 1, 2):
        ledger.sent(pts, shown=True)
    ledger.failed()
    assert ledger.delivered(0) == ([], 0)
    assert ledger.finish() == [1, 2]


def test_ledger_of_coding_order_gives_each_picture_the_lowest_stamp_left():
    ledger = CodingOrderLedger()
    for pts in (1, 2, 3, 4):
        ledger.sent(pts, shown=True)
    assert [ledger.delivered(p) for p in (1, 3, 4, 2)] == [([], 1), ([], 2), ([], 3), ([], 4)]
    assert ledger.finish() == []


def test_ledger_of_coding_order_forgets_before_a_key_picture_what_was_never_shown():
    ledger = CodingOrderLedger()
    for pts in (0, 1, 2, 3, 4):
        ledger.sent(pts, shown=True)
    assert ledger.delivered(2, key=True) == ([], 2)  # the file began in the middle of a group
    assert [ledger.delivered(p) for p in (4, 3)] == [([], 3), ([], 4)]


def test_ledger_of_coding_order_takes_the_lowest_stamp_for_the_lost_one():
    ledger = CodingOrderLedger()
    for pts in (1, 2, 3):
        ledger.sent(pts, shown=True)
    assert ledger.delivered(1) == ([], 1)
    ledger.failed()
    assert ledger.delivered(3) == ([2], 3)
    assert ledger.finish() == []
