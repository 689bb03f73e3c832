"""Which inputs stand for which sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from fer_core.media.errors import MediaError
from fer_core.media.file_camera import FileCamera
from fer_core.media.source import LiveSource, Source, expand_inputs, open_source


def touch(folder: Path, *names: str) -> Path:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_bytes(b"x")
    return folder


def test_expand_inputs_turns_a_folder_of_videos_into_its_videos(tmp_path):
    folder = touch(tmp_path / "clips", "take10.mp4", "take2.MOV", "poster.jpg", ".hidden.mp4", "notes.txt")
    assert expand_inputs([folder]) == [folder / "take2.MOV", folder / "take10.mp4"]


def test_expand_inputs_leaves_out_the_videos_that_the_program_drew(tmp_path):
    folder = touch(tmp_path / "clips", "a.mp4", "a.annotated.mp4")
    photographs = touch(tmp_path / "photographs", "a.jpg", "photographs.Annotated.MP4")
    paths = [folder, photographs, folder / "a.annotated.mp4"]
    assert expand_inputs(paths) == [folder / "a.mp4", photographs, folder / "a.annotated.mp4"]


def test_expand_inputs_keeps_folders_of_images_files_and_missing_paths(tmp_path):
    images = touch(tmp_path / "images", "a.png")
    paths = [images, tmp_path / "nowhere.mp4", images / "a.png"]
    assert expand_inputs(paths) == paths


def test_expand_inputs_counts_twice_named_inputs_once(tmp_path):
    folder = touch(tmp_path / "clips", "b.mp4", "a.mp4")
    assert expand_inputs([folder / "b.mp4", folder]) == [folder / "b.mp4", folder / "a.mp4"]
    assert expand_inputs([folder / "b.mp4", folder / ".." / "clips" / "b.mp4"]) == [folder / "b.mp4"]


def test_a_path_that_cannot_be_looked_at_is_named_when_it_is_opened(tmp_path):
    path = tmp_path / f"{'long' * 80}.mp4"
    assert expand_inputs([path]) == [path]
    with pytest.raises(MediaError, match=r"longlong.*\.mp4: (cannot be read \(.+\)|there is no such file); check"):
        open_source(path)


def test_a_text_with_the_name_of_an_image_is_no_image(tmp_path):
    path = tmp_path / "note.jpg"
    path.write_text("no picture at all, and no video either\n" * 9)
    with pytest.raises(MediaError, match=r"note\.jpg: is no image that can be decoded.*JPEG or PNG"):
        open_source(path)


def test_sources_fulfil_the_protocol(make_video):
    path = make_video()
    with open_source(path) as source, FileCamera(path) as camera:
        assert isinstance(source, Source)
        assert isinstance(camera, LiveSource)
        assert not isinstance(source, LiveSource)


def test_media_error_names_source_reason_and_remedy():
    error = MediaError(Path("clip.mp4"), "is empty", "copy it again")
    assert str(error) == "clip.mp4: is empty; copy it again"
    with pytest.raises(MediaError) as caught:
        raise error
    assert (caught.value.source, caught.value.reason, caught.value.remedy) == ("clip.mp4", "is empty", "copy it again")
