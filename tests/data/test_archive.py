import cv2
import numpy as np
import pytest

from fer_core.data.archive import Archive, DataError
from fer_core.data.tables import read_table, row_complaints

RED = np.full((4, 6, 3), (200, 10, 30), np.uint8)


@pytest.fixture(params=["folder", "zip"])
def archive(request, tmp_path):
    import shutil

    folder = tmp_path / "set"
    (folder / "sub").mkdir(parents=True)
    (folder / "sub" / "a.txt").write_bytes(b"content")
    (folder / "b.csv").write_bytes(b"x\n")
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_bytes(b"no image")
    cv2.imwrite(str(folder / "red.png"), RED[..., ::-1])
    cv2.imwrite(str(folder / "grey.png"), np.full((3, 3), 77, np.uint8))
    if request.param == "zip":
        shutil.make_archive(str(folder), "zip", folder)
        shutil.rmtree(folder)
    return Archive(tmp_path, "set")


def test_archive_reads_and_lists(archive):
    assert archive.read("sub/a.txt") == b"content"
    assert archive.names(".csv") == ["b.csv"]
    assert archive.names() == ["b.csv", "empty.png", "grey.png", "red.png", "sub/a.txt", "text.png"]


def test_archive_image_is_rgb(archive):
    np.testing.assert_array_equal(archive.image("red.png"), RED)
    assert archive.image("grey.png").shape == (3, 3, 3)


def test_archive_names_what_is_missing_or_no_image(archive):
    with pytest.raises(DataError, match=r"set: sub/b\.txt is missing"):
        archive.read("sub/b.txt")
    for name in ("empty.png", "text.png"):
        with pytest.raises(DataError, match=f"{name} is no image"):
            archive.image(name)


def test_archive_prefers_the_folder_to_the_zip(tmp_path):
    import zipfile

    with zipfile.ZipFile(tmp_path / "set.zip", "w") as packed:
        packed.writestr("a.txt", "zip")
    assert Archive(tmp_path, "set").read("a.txt") == b"zip"
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "a.txt").write_text("folder")
    assert Archive(tmp_path, "set").read("a.txt") == b"folder"


def test_archive_complains_of_no_or_a_broken_zip(tmp_path):
    with pytest.raises(DataError, match=r"neither the folder .*absent nor .*absent\.zip exists; check --root"):
        Archive(tmp_path, "absent")
    (tmp_path / "half.zip").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(DataError, match=r"half\.zip is no whole zip"):
        Archive(tmp_path, "half")


def test_read_table_takes_a_byte_order_mark_and_quotes():
    assert read_table(b'\xef\xbb\xbfpath,n\n"a,b",1\n', "t", ["path"]) == [{"path": "a,b", "n": "1"}]


def test_read_table_names_every_missing_column():
    with pytest.raises(DataError, match=r"labels\.csv: no column b, c"):
        read_table(b"a,d\n1,2\n", "labels.csv", ["a", "b", "c"])
    with pytest.raises(DataError, match="no column a"):
        read_table(b"", "labels.csv", ["a"])


def test_row_complaints_name_file_and_row():
    with (
        pytest.raises(DataError, match=r"labels\.csv: the row of x\.png .*'often'"),
        row_complaints("labels.csv", "x.png"),
    ):
        float("often")
