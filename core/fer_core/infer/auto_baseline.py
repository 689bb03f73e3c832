"""``--baseline auto``: each person's most neutral frames become their baseline, once the whole recording is there.

While a file is measured nobody can know which of its frames are neutral, so its columns ``_b`` stay empty and are
filled in afterwards. The file is read twice, a row at a time; memory holds one bounded heap of answers for each face.
"""

from __future__ import annotations

import contextlib
import heapq
import math
import os
from dataclasses import dataclass, field
from pathlib import Path

from fer_core.infer.baseline import Baseline, NeutralReference
from fer_core.infer.model_card import ModelCard
from fer_core.labels import Expression
from fer_core.record.errors import RecordError, write_error
from fer_core.record.reader import NativeRow, read_header, read_native
from fer_core.record.schema import format_affect
from fer_core.record.sidecar import temporary_beside
from fer_core.record.text import encode_rows, parse_line
from fer_core.types import Affect, Status

#: This share of a face's usable rows, those with the highest probability of neutral, makes its baseline ...
SHARE = 0.1
#: ... but at least so many of them (all, when there are fewer), and never more than this, so that memory is bounded.
MIN_ROWS, MAX_ROWS = 10, 1000
#: A face with fewer than ``MIN_ROWS`` usable rows gets a baseline only when they span so long.
MIN_SPAN_S = 1.0


@dataclass(slots=True)
class _Seen:
    """One face so far."""

    rows: int = 0
    first_time_s: float = math.nan
    last_time_s: float = math.nan
    most_neutral: list[tuple[float, int, Affect]] = field(default_factory=list)
    """Heap of (probability of neutral, -row, answer)."""

    def add(self, row: NativeRow, affect: Affect, neutral: int) -> None:
        self.rows += 1
        self.first_time_s = row.time_s if math.isnan(self.first_time_s) else self.first_time_s
        self.last_time_s = row.time_s
        # Of equals the earlier row ranks higher; the number is unique, so answers are never compared.
        heapq.heappush(self.most_neutral, (float(affect.expression_probs[neutral]), -self.rows, affect))
        if len(self.most_neutral) > MAX_ROWS:
            heapq.heappop(self.most_neutral)

    def chosen(self) -> list[Affect]:
        """The answers that make the baseline; none when the face was seen too briefly."""
        if self.rows < MIN_ROWS and not self.last_time_s - self.first_time_s >= MIN_SPAN_S:
            return []
        count = max(math.ceil(SHARE * self.rows), MIN_ROWS)
        return [affect for _, _, affect in heapq.nlargest(count, self.most_neutral)]


def fill_auto_baseline(csv_path: Path, card: ModelCard) -> dict[int, int]:
    """Fills the columns ``_b`` of a finished native CSV; what was in them is replaced.

    The file is rewritten under a temporary name beside it and then renamed: whenever this stops, a whole file is there.

    Args:
        csv_path: written with ``with_baseline``.
        card: of the model that wrote it.

    Returns:
        How many rows made the baseline of each ``face_id``; a face that was seen too briefly is not in it, and its
        columns stay empty.

    Raises:
        RecordError: when the file cannot be read or written, has no columns ``_b``, or other labels than the model.
    """
    header = read_header(csv_path)
    if not header.with_baseline:
        raise RecordError(csv_path, "has no columns for a baseline", "annotate the input again with --baseline auto")
    if (header.expressions, header.au_units) != (card.expressions, card.action_units):
        raise RecordError(
            csv_path, f"has other labels than the model {card.name}", "use the model that it was written with"
        )
    chosen = _most_neutral(csv_path, card)
    reference = NeutralReference.of_card(card)
    baselines = {face_id: Baseline.from_affects(affects, reference) for face_id, affects in chosen.items()}
    width = len(card.expressions) + 2 + len(card.action_units)
    temporary = temporary_beside(csv_path)
    try:
        _rewrite(csv_path, temporary, baselines, width)
        temporary.replace(csv_path)
    except OSError as error:
        raise write_error(csv_path, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
    return {face_id: len(affects) for face_id, affects in chosen.items()}


def _most_neutral(csv_path: Path, card: ModelCard) -> dict[int, list[Affect]]:
    neutral = card.expressions.index(Expression.NEUTRAL)
    faces: dict[int, _Seen] = {}
    for row in read_native(csv_path):
        if row.status is Status.OK and row.face_id is not None and row.affect is not None:
            faces.setdefault(row.face_id, _Seen()).add(row, row.affect, neutral)
    chosen = {face_id: seen.chosen() for face_id, seen in faces.items()}
    return {face_id: affects for face_id, affects in chosen.items() if affects}


def _rewrite(csv_path: Path, temporary: Path, baselines: dict[int, Baseline], width: int) -> None:
    with csv_path.open("rb") as old, temporary.open("wb") as new:
        new.write(old.readline())
        # The parsed rows end before a torn last line; so does the copy.
        for row, line in zip(read_native(csv_path), old, strict=False):
            cells = parse_line(line, ",")
            assert cells is not None, "read_native has parsed this line already"
            baseline = baselines.get(row.face_id) if row.face_id is not None else None
            usable = row.status is Status.OK and row.affect is not None
            corrected = format_affect(baseline.correct(row.affect)) if baseline and usable and row.affect else None
            cells[-width:] = corrected or [""] * width
            new.write(encode_rows([cells], ","))
        new.flush()
        os.fsync(new.fileno())
