from __future__ import annotations

from pathlib import Path

from fer_studio.outputs import plan_outputs


def names(*inputs: Path, suffix: str = ".csv") -> list[str]:
    return [outputs.recording.name for outputs in plan_outputs(inputs, Path("out"), suffix)]


def test_plan_outputs_takes_the_name_without_its_suffix() -> None:
    (outputs,) = plan_outputs([Path("a/clip.v2.mp4")], Path("out"), ".txt")
    assert outputs.recording == Path("out/clip.v2.txt")
    assert outputs.sidecar == Path("out/clip.v2.json")
    assert outputs.video == Path("out/clip.v2.annotated.mp4")
    assert outputs.written(with_video=False) == (outputs.recording, outputs.sidecar)


def test_plan_outputs_keeps_the_whole_name_of_a_folder(tmp_path: Path) -> None:
    folder = tmp_path / "frames.2024"
    folder.mkdir()
    assert names(folder) == ["frames.2024.csv"]


def test_plan_outputs_tells_equal_names_apart_by_their_folders() -> None:
    assert names(Path("mon/clip.mp4"), Path("tue/clip.mp4"), Path("tue/own.mp4")) == [
        "mon_clip.csv",
        "tue_clip.csv",
        "own.csv",
    ]


def test_plan_outputs_tells_equal_names_in_one_folder_apart_by_their_suffix() -> None:
    assert names(Path("mon/clip.mp4"), Path("mon/clip.mov")) == ["mon_clip_mp4.csv", "mon_clip_mov.csv"]


def test_plan_outputs_counts_upper_and_lower_case_as_equal() -> None:
    assert names(Path("a/Clip.mp4"), Path("b/clip.mp4")) == ["a_Clip.csv", "b_clip.csv"]


def test_plan_outputs_never_repeats_a_name_and_does_not_depend_on_order() -> None:
    inputs = [Path("x/a/clip.mp4"), Path("y/a/clip.mp4"), Path("x/a_clip.mp4"), Path("x/a/clip.mov")]
    planned = dict(zip(inputs, names(*inputs), strict=True))
    assert len({name.casefold() for name in planned.values()}) == len(inputs)
    backwards = inputs[::-1]
    assert dict(zip(backwards, names(*backwards), strict=True)) == planned
