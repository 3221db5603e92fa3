"""A directory crosses as one tar with one form; whatever is not in that form is refused before a byte is written."""

import gzip
import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared import archive
from shared.errors import StageError

NAME = st.text(st.characters(categories=["L", "N"], include_characters=" ._-"), min_size=1, max_size=8).filter(
    lambda name: name not in (".", "..")
)
PATHS = st.lists(NAME, min_size=1, max_size=3).map("/".join)
TREES = st.dictionaries(PATHS, st.binary(max_size=1100), max_size=5)
ONLY_STAGES = "; only archives that a stage wrote are accepted"


def write_tree(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def read_tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def packed(files: dict[str, bytes]) -> bytes:
    with TemporaryDirectory() as folder:
        archive.pack(write_tree(Path(folder, "tree"), files), Path(folder, "tar"))
        return Path(folder, "tar").read_bytes()


def refusal(data: bytes, folder: Path) -> str:
    """Returns why unpack refuses data, after checking that it wrote nothing."""
    source = folder / "tar"
    source.write_bytes(data)
    with pytest.raises(StageError) as refused:
        archive.unpack(source, folder / "unpacked")
    assert [path.name for path in folder.iterdir()] == ["tar"]
    return str(refused.value).removeprefix(f"the archive {source} ").removesuffix(ONLY_STAGES)


def made_by_tarfile(*members: tuple[str, bytes], format: int = tarfile.USTAR_FORMAT, **fields: Any) -> bytes:
    """Returns a tar by Python's own writer; each member's header gets the given fields."""
    sink = io.BytesIO()
    with tarfile.TarFile(fileobj=sink, mode="w", format=format) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            for field, value in fields.items():
                setattr(info, field, value)
            tar.addfile(info, io.BytesIO(data))
    content = sink.getvalue().rstrip(b"\0")
    return content + bytes(-len(content) % archive.BLOCK) + archive.END


def entry(name: str, data: bytes = b"") -> bytes:
    """Returns a header and a file as pack would write them, whatever the name."""
    header = tarfile.TarInfo(name)
    header.size = len(data)
    return header.tobuf(tarfile.USTAR_FORMAT) + data + bytes(-len(data) % archive.BLOCK)


def with_field(block: bytes, start: int, value: bytes) -> bytes:
    """Returns a header with a field overwritten and a correct checksum."""
    changed = block[:start] + value + block[start + len(value) :]
    blank = changed[:148] + b" " * 8 + changed[156:]
    return changed[:148] + b"%06o\0 " % sum(blank) + changed[156:]


@given(TREES)
@settings(deadline=None, max_examples=60)
def test_what_is_packed_comes_out_again(files: dict[str, bytes]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        try:
            tree = write_tree(folder / "tree", files)
        except OSError:
            return  # one name is another's folder
        try:
            archive.pack(tree, folder / "tar")
        except StageError as error:
            assert "differs in case alone" in str(error)
            return
        archive.unpack(folder / "tar", folder / "unpacked")
        assert read_tree(folder / "unpacked") == files
        assert archive.digest(tree) == archive.digest(folder / "tar") == archive.digest(folder / "unpacked")


def test_the_same_content_gives_the_same_bytes(tmp_path: Path) -> None:
    files = {"b.txt": b"b", "a/x": b"x" * 600, "a.txt": b"", "ü": b"u"}
    first = write_tree(tmp_path / "first", files)
    second = write_tree(tmp_path / "second", dict(reversed(files.items())))
    for path in second.rglob("*"):
        path.chmod(0o700)
        os.utime(path, (1, 1))
    (second / "empty").mkdir()
    archive.pack(first, tmp_path / "1.tar")
    archive.pack(second, tmp_path / "2.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_the_format_is_pinned() -> None:
    digest = "fa1d8ba1016aea646e9c48b159a042228291f5813dd7f6cd0d55ddb7d8f470ea"
    assert hashlib.sha256(packed({"a/b.txt": b"text", "c": b""})).hexdigest() == digest


def test_an_ordinary_tar_program_reads_it(tmp_path: Path) -> None:
    (tmp_path / "tar").write_bytes(packed({"folder/file": b"text", "long/" * 30 + "name": b"far down"}))
    with tarfile.open(tmp_path / "tar") as tar:
        assert {info.name: info.mode for info in tar} == {"folder/file": 0o644, "long/" * 30 + "name": 0o644}


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")
    assert archive.digest(tmp_path / "file") == hashlib.sha256(b"text").hexdigest()


def test_an_empty_directory_is_an_archive_without_files(tmp_path: Path) -> None:
    (tmp_path / "tar").write_bytes(packed({}))
    archive.unpack(tmp_path / "tar", tmp_path / "unpacked")
    assert list((tmp_path / "unpacked").iterdir()) == []


def link(folder: Path) -> None:
    (folder / "x").symlink_to("/etc/passwd")


def linked_folder(folder: Path) -> None:
    (folder / "x").symlink_to("/")


def pipe(folder: Path) -> None:
    os.mkfifo(folder / "x")


@pytest.mark.parametrize("make", [link, linked_folder, pipe])
def test_only_regular_files_are_packed(make: Callable[[Path], None], tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "tree", {"a": b""})
    make(folder)
    with pytest.raises(StageError) as refused:
        archive.pack(folder, tmp_path / "tar")
    assert str(refused.value) == f"{folder}/x is a link or a device; replace it by a regular file"


@pytest.mark.parametrize("name", ["a:b", "a\\b", "a\nb", "a\x1b[2J", "what?", "\u202egnp.exe"])
def test_names_that_some_system_cannot_hold_are_not_packed(name: str, tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "tree", {name: b""})
    with pytest.raises(StageError) as refused:
        archive.pack(folder, tmp_path / "tar")
    assert str(refused.value) == f"the file name {name!r} in {folder} does not work on every system; rename it"


def test_a_name_that_the_format_cannot_hold_is_not_packed(tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "tree", {"n" * 101: b""})
    with pytest.raises(StageError, match=r"^the file name 'n+' does not fit into an archive: name is too long"):
        archive.pack(folder, tmp_path / "tar")


@pytest.mark.parametrize("names", [("Read", "read"), ("A/x", "a/y"), ("stra\u00dfe", "strasse"), ("\u00e9", "e\u0301")])
def test_names_that_some_system_takes_for_one_are_not_packed(names: tuple[str, str], tmp_path: Path) -> None:
    folder = write_tree(tmp_path / "tree", dict.fromkeys(names, b""))
    if len(read_tree(folder)) < len(names):
        pytest.skip("this file system takes the two names for one")
    with pytest.raises(StageError) as refused:
        archive.pack(folder, tmp_path / "tar")
    assert f"{folder} holds {max(names)!r} beside a name that differs in case alone" in str(refused.value)


def test_more_than_unpack_takes_is_not_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    folder = write_tree(tmp_path / "tree", {"a": b"", "b": b"", "c": b""})
    with pytest.raises(StageError, match="holds more than 2 files or 68719476736 bytes; no archive can be made of it"):
        archive.pack(folder, tmp_path / "tar")


NO_PLAIN_FILE = "has a header at byte 0 that is no plain file's"
HEADER = entry("file", b"text")[: archive.BLOCK]
REST = entry("file", b"text")[archive.BLOCK :] + archive.END
HOSTILE: dict[str, tuple[bytes, str]] = {
    "symbolic link": (made_by_tarfile(("x", b""), type=tarfile.SYMTYPE, linkname="/etc/passwd"), NO_PLAIN_FILE),
    "hard link": (made_by_tarfile(("x", b""), type=tarfile.LNKTYPE, linkname="/etc/passwd"), NO_PLAIN_FILE),
    "device": (made_by_tarfile(("x", b""), type=tarfile.CHRTYPE, devmajor=1), NO_PLAIN_FILE),
    "block device": (made_by_tarfile(("x", b""), type=tarfile.BLKTYPE, devmajor=8), NO_PLAIN_FILE),
    "pipe": (made_by_tarfile(("x", b""), type=tarfile.FIFOTYPE), NO_PLAIN_FILE),
    "directory": (made_by_tarfile(("x", b""), type=tarfile.DIRTYPE), NO_PLAIN_FILE),
    "unknown type": (made_by_tarfile(("x", b""), type=b"Z"), NO_PLAIN_FILE),
    "sparse file": (made_by_tarfile(("x", b""), type=tarfile.GNUTYPE_SPARSE), NO_PLAIN_FILE),
    "set-user-id": (made_by_tarfile(("x", b""), mode=0o4755), NO_PLAIN_FILE),
    "owner": (made_by_tarfile(("x", b""), uid=1000), NO_PLAIN_FILE),
    "time": (made_by_tarfile(("x", b""), mtime=1), NO_PLAIN_FILE),
    "GNU long name": (made_by_tarfile(("x" * 120, b""), format=tarfile.GNU_FORMAT), NO_PLAIN_FILE),
    "PAX header": (made_by_tarfile(("x", b""), format=tarfile.PAX_FORMAT, pax_headers={"a": "b"}), NO_PLAIN_FILE),
    "PAX size": (made_by_tarfile(("x", b""), format=tarfile.PAX_FORMAT, pax_headers={"size": "-1"}), NO_PLAIN_FILE),
    "GNU magic": (made_by_tarfile(("x", b""), format=tarfile.GNU_FORMAT), NO_PLAIN_FILE),
    "absolute": (entry("/etc/passwd") + archive.END, "holds the file name '/etc/passwd'"),
    "double slash": (entry("//x") + archive.END, "holds the file name '//x'"),
    "parent": (entry("a/../../x") + archive.END, "holds the file name 'a/../../x'"),
    "parent alone": (entry("..") + archive.END, "holds the file name '..'"),
    "dot": (entry("./x") + archive.END, "holds the file name './x'"),
    "dot alone": (entry(".") + archive.END, "holds the file name '.'"),
    "no name": (entry("") + archive.END, "holds the file name ''"),
    "trailing slash": (entry("x/") + archive.END, "holds the file name 'x/'"),
    "drive": (entry("C:x") + archive.END, "holds the file name 'C:x'"),
    "backslash": (entry("..\\x") + archive.END, "holds the file name '..\\\\x'"),
    "line break": (entry("x\n::error::y") + archive.END, "holds the file name 'x\\n::error::y'"),
    "zero byte": (with_field(entry("xay"), 1, b"\0") + archive.END, "holds the file name 'x\\x00y'"),
    "name twice": (entry("x") + entry("x") + archive.END, "names 'x' twice or out of order"),
    "out of order": (entry("y") + entry("x") + archive.END, "names 'x' twice or out of order"),
    "two cases": (
        entry("X") + entry("x") + archive.END,
        "holds 'x' beside a name that differs in case alone or is its folder",
    ),
    "two forms": (
        entry("e\u0301") + entry("\u00e9") + archive.END,
        "holds 'é' beside a name that differs in case alone or is its folder",
    ),
    "file and folder": (
        entry("x") + entry("x/y") + archive.END,
        "holds 'x/y' beside a name that differs in case alone or is its folder",
    ),
    "folder in two cases": (
        entry("X/y") + entry("x/z") + archive.END,
        "holds 'x/z' beside a name that differs in case alone or is its folder",
    ),
    "no UTF-8": (with_field(HEADER, 0, b"\xff") + REST, "has no file header at byte 0"),
    "checksum": (HEADER[:148] + b"000000\0 " + HEADER[156:] + REST, NO_PLAIN_FILE),
    "damaged second header": (entry("a") + b"\1" * 512 + archive.END, "has no file header at byte 512"),
    "negative size": (with_field(HEADER, 124, b"-0000000004\0") + REST, NO_PLAIN_FILE),
    "base-256 size": (with_field(HEADER, 124, b"\x80" + bytes(10) + b"\4") + REST, "has no file header at byte 0"),
    "negative base-256 size": (with_field(HEADER, 124, b"\xff" * 12) + REST, "has no file header at byte 0"),
    "size with spaces": (with_field(HEADER, 124, b"          4\0") + REST, NO_PLAIN_FILE),
    "size without an end": (with_field(HEADER, 124, b"000000000047") + REST, NO_PLAIN_FILE),
    "announced only": (with_field(HEADER, 124, b"77777777777\0") + REST, "is truncated inside 'file'"),
    "hidden in padding": (HEADER + b"text" + b"\1" * 508 + archive.END, "hides data behind 'file'"),
    "one zero block": (entry("x") + archive.END[:512], "is truncated inside 'x'"),
    "trailing byte": (packed({"x": b""}) + b"\0", "does not end after the end mark at byte 512"),
    "trailing zero blocks": (packed({"x": b""}) + archive.END, "does not end after the end mark at byte 512"),
    "second archive": (packed({"x": b""}) + packed({"y": b""}), "does not end after the end mark at byte 512"),
    "gzip": (gzip.compress(packed({"x": b""})), "has no file header at byte 0"),
    "empty file": (b"", "has no file header at byte 0"),
    "text": (b"just a text\n" * 100, "has no file header at byte 0"),
    "zeros": (bytes(512), "does not end after the end mark at byte 0"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_pack_would_not_write_is_refused_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    data, reason = HOSTILE[name]
    assert refusal(data, tmp_path) == reason


def test_the_bytes_that_the_hostile_ones_are_made_of_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "tar").write_bytes(HEADER + REST)
    archive.unpack(tmp_path / "tar", tmp_path / "unpacked")
    assert read_tree(tmp_path / "unpacked") == {"file": b"text"}
    assert made_by_tarfile(("file", b"text")) == HEADER + REST


def test_an_archive_that_breaks_off_anywhere_is_refused(tmp_path: Path) -> None:
    whole = packed({"a": b"x" * 700, "b": b"", "c": b"z"})
    for length in {*range(0, len(whole), archive.BLOCK), *range(100, len(whole), 333), len(whole) - 1}:
        refusal(whole[:length], tmp_path)
        (tmp_path / "tar").unlink()


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    three = packed({"a": b"", "b": b"", "c": b""})
    monkeypatch.setattr(archive, "MAX_MEMBERS", 2)
    assert refusal(three, tmp_path) == "holds more than 2 files or 68719476736 bytes"


def test_more_bytes_than_set_are_refused(tmp_path: Path) -> None:
    source = tmp_path / "tar"
    with source.open("wb") as file:  # sparse: nine files of 8 GiB that take no room
        for number in range(9):
            header = tarfile.TarInfo(str(number))
            header.size = archive.MAX_FILE_BYTES
            file.write(header.tobuf(tarfile.USTAR_FORMAT))
            file.seek(archive.MAX_FILE_BYTES + 1, os.SEEK_CUR)
        try:
            file.write(archive.END)
        except OSError as error:
            pytest.skip(f"this file system holds no sparse file of 72 GiB: {error.strerror}")
    with pytest.raises(StageError, match="holds more than 10000 files or 68719476736 bytes"):
        archive.unpack(source, tmp_path / "unpacked")
    assert not (tmp_path / "unpacked").exists()


@given(st.binary(max_size=2000), st.integers(0, 2000), st.binary(max_size=40))
@settings(deadline=None, max_examples=150)
def test_whatever_the_bytes_only_a_stage_error_is_raised(noise: bytes, position: int, patch: bytes) -> None:
    whole = packed({"a": b"x" * 700, "b/c": b"z"})
    damaged = whole[:position] + patch + whole[position + len(patch) :]
    with TemporaryDirectory() as name:
        for number, data in enumerate((noise, damaged, patch + whole, whole[:position] + noise)):
            source, target = Path(name, f"{number}.tar"), Path(name, str(number))
            source.write_bytes(data)
            try:
                archive.unpack(source, target)
            except StageError:
                assert not target.exists()
                continue
            archive.pack(target, Path(name, "again"))
            assert Path(name, "again").read_bytes() == data  # accepted: then it is what pack writes
            shutil.rmtree(target)
