"""Where extracts come from: the web, folders and buckets; fetched whole, whatever happens on the way."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from directory.errors import ImportRefused, InvalidInput, Unavailable
from importers.nightly.files import PublishedFile, newest
from importers.nightly.sources import Access, FolderSource, source_of
from importers.nightly.spool import Spool, sha256_of
from importers.progress import Silent
from tests.importers.publisher import Published, publisher
from tests.ldap_server.authority import Authority

NAME = "PS_LibreAcces_202601150315.zip"
WHERE = "/extraction/PS_LibreAcces"
CONTENT = bytes(range(256)) * 12_000
AT = dt.datetime(2026, 1, 15, 3, 15, tzinfo=dt.UTC)


def spool(folder: Path) -> Spool:
    return Spool(folder / "spool", wait_s=0)


def latest(published: Published, kind: str = "rpps", access: Access | None = None) -> PublishedFile:
    (file,) = source_of(kind, published.url + WHERE, access or Access()).latest()
    return file


def test_the_dated_name_is_known_without_downloading(tmp_path: Path) -> None:
    with publisher() as published:
        published.files[WHERE] = (NAME, CONTENT)
        file = latest(published)
        assert (file.name, file.as_of, file.size) == (NAME, AT, len(CONTENT))
        assert [method for method, *_ in published.asked] == ["HEAD"]
        path = spool(tmp_path).fetch("rpps", file, Silent())
    assert (path.name, path.read_bytes()) == (NAME, CONTENT)


def test_a_file_without_a_date_in_its_name_is_kept_under_a_dated_one(tmp_path: Path) -> None:
    with publisher() as published:
        published.files[WHERE] = ("ps-libreacces-personne-activite.txt", b"x\n")
        path = spool(tmp_path).fetch("rpps", latest(published), Silent())
    assert path.name == "ps-libreacces-personne-activite_202601150315.txt"


def test_a_cut_line_goes_on_where_it_was_cut(tmp_path: Path) -> None:
    with publisher() as published:
        published.files[WHERE] = (NAME, CONTENT)
        published.cuts = 3
        path = spool(tmp_path).fetch("rpps", latest(published), Silent())
        starts = [wanted for method, _, wanted in published.asked if method == "GET"]
    assert path.read_bytes() == CONTENT
    assert starts == [None, "bytes=1536000-", "bytes=2304000-", "bytes=2688000-"]


def test_a_server_that_cannot_go_on_in_the_middle_begins_again(tmp_path: Path) -> None:
    with publisher() as published:
        published.files[WHERE] = (NAME, CONTENT)
        published.cuts, published.ranges = 1, False
        assert spool(tmp_path).fetch("rpps", latest(published), Silent()).read_bytes() == CONTENT


def test_what_an_earlier_run_fetched_is_not_fetched_again(tmp_path: Path) -> None:
    with publisher() as published:
        published.files[WHERE] = (NAME, CONTENT)
        published.cuts = 6
        with pytest.raises(Unavailable):
            spool(tmp_path).fetch("rpps", latest(published), Silent())
        held = (tmp_path / "spool/rpps" / f"{NAME}.part").stat().st_size
        assert 0 < held < len(CONTENT)
        path = spool(tmp_path).fetch("rpps", latest(published), Silent())
        assert published.asked[-1] == ("GET", WHERE, f"bytes={held}-")
        before = len(published.asked)
        assert spool(tmp_path).fetch("rpps", latest(published), Silent()) == path
        assert [method for method, *_ in published.asked[before:]] == ["HEAD"]
    assert path.read_bytes() == CONTENT


def test_a_file_that_was_replaced_meanwhile_is_not_patched_together(tmp_path: Path) -> None:
    with publisher() as published:
        published.files[WHERE] = (NAME, CONTENT)
        published.cuts = 6
        with pytest.raises(Unavailable):
            spool(tmp_path).fetch("rpps", latest(published), Silent())
        other = CONTENT[::-1]
        published.files[WHERE] = (NAME, other)
        assert spool(tmp_path).fetch("rpps", latest(published), Silent()).read_bytes() == other


def test_an_untrusted_certificate_is_a_refusal_that_says_what_to_install(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    with publisher(authority.issue("service")) as published:
        published.files[WHERE] = (NAME, CONTENT)
        with pytest.raises(Unavailable, match=r"is not trusted.*AC RACINE IGC-SANTE.*ANNUAIRE_SOURCE_CA_FILE"):
            latest(published)
        file = latest(published, access=Access(ca_file=authority.file))
        assert spool(tmp_path).fetch("rpps", file, Silent()).read_bytes() == CONTENT


def test_plain_http_is_refused_but_on_this_machine() -> None:
    with pytest.raises(InvalidInput, match="https only"):
        source_of("rpps", "http://example.org/PS_LibreAcces", Access())


@pytest.mark.parametrize("text", ["", "ftp://example.org/x", "s3://"])
def test_what_is_no_source_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        source_of("rpps", text, Access())


def test_an_answer_that_is_no_file_is_said_with_its_status() -> None:
    with publisher() as published, pytest.raises(Unavailable, match="answers 404"):
        latest(published)


def test_the_newest_delivery_of_a_folder_is_taken(tmp_path: Path) -> None:
    for name in (
        "PS_LibreAcces_Personne_activite_202601150315.txt",
        "PS_LibreAcces_SavoirFaire_202601150315.txt",
        "PS_LibreAcces_Personne_activite_202601140315.txt",
        "PS_LibreAcces_202601130315.zip",
        "Extraction_Correspondance_MSSante_202601160315.txt",
        "notes.txt",
    ):
        (tmp_path / name).write_text(name)
    found = source_of("rpps", str(tmp_path), Access()).latest()
    assert [file.name for file in found] == [
        "PS_LibreAcces_Personne_activite_202601150315.txt",
        "PS_LibreAcces_SavoirFaire_202601150315.txt",
    ]
    (tmp_path / "PS_LibreAcces_202601150315.zip").write_text("all of it")
    assert [file.name for file in newest(FolderSource("rpps", tmp_path).latest())] == ["PS_LibreAcces_202601150315.zip"]


def test_a_digest_published_beside_a_file_is_checked(tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    path = folder / NAME
    path.write_bytes(CONTENT)
    (folder / f"{NAME}.sha256").write_text(f"{sha256_of(path)}  {NAME}\n")
    (file,) = FolderSource("rpps", folder).latest()
    assert spool(tmp_path).fetch("rpps", file, Silent()).read_bytes() == CONTENT
    path.write_bytes(CONTENT[:-1] + b"?")
    (file,) = FolderSource("rpps", folder).latest()
    with pytest.raises(ImportRefused, match="is not the one published"):
        spool(tmp_path).fetch("rpps", file, Silent())


def test_a_bucket_is_read_with_its_key_and_goes_on_where_it_was_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with publisher() as published:
        published.files[f"/extracts/rpps/{NAME}"] = (NAME, CONTENT)
        published.files["/extracts/rpps/PS_LibreAcces_202601140315.zip"] = ("older", b"older")
        published.cuts = 1
        access = Access(s3_endpoint=published.url)
        (file,) = source_of("rpps", "s3://extracts/rpps/", access).latest()
        assert (file.name, file.as_of) == (NAME, AT)
        assert spool(tmp_path).fetch("rpps", file, Silent()).read_bytes() == CONTENT
        assert published.asked[-1] == ("GET", f"/extracts/rpps/{NAME}", "bytes=1536000-")


def test_old_deliveries_go_and_those_still_needed_stay(tmp_path: Path) -> None:
    folder, kept = tmp_path / "in", spool(tmp_path)
    folder.mkdir()
    paths = []
    for day in range(11, 16):
        (folder / f"PS_LibreAcces_202601{day}0315.zip").write_bytes(b"%d" % day)
        (file,) = FolderSource("rpps", folder).latest()
        paths.append(kept.fetch("rpps", file, Silent()))
    assert sorted(kept.prune("rpps", 2, [paths[0]])) == [paths[1], paths[2]]
    assert [path.exists() for path in paths] == [True, False, False, True, True]
    assert not paths[1].with_name(paths[1].name + ".json").exists()


def test_only_one_night_at_a_time_and_one_cut_short_leaves_its_mark(tmp_path: Path) -> None:
    one, other = spool(tmp_path), spool(tmp_path)
    with one.night(), pytest.raises(ImportRefused, match="under way"), other.night():
        pass
    assert not one.cut_short
    with pytest.raises(KeyboardInterrupt), one.night():
        raise KeyboardInterrupt
    assert one.cut_short
