import pytest

from fer_core.files import replacing


def test_replacing_puts_a_whole_file_in_place(tmp_path):
    path = tmp_path / "shard.npz"
    path.write_text("old")
    with replacing(path) as partial:
        partial.write_text("new")
        assert path.read_text() == "old"
        assert partial.suffix == ".partial"
    assert path.read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_leaves_the_old_file_when_the_new_one_fails(tmp_path):
    path = tmp_path / "shard.npz"
    path.write_text("old")

    def fail() -> None:
        with replacing(path) as partial:
            partial.write_text("ha")
            raise OSError("full")

    with pytest.raises(OSError, match="full"):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
