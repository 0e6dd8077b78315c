"""The content of a folder with real files: models, versions, and misplaced files."""

import json
import os
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.registry.folder import Repository
from app.registry.listing import Candidate
from app.settings.settings import Settings
from stateserve import save_model as pack_model
from stateserve.errors import UnreadableCheckpoint
from tests.checkpoints import save_model
from tests.lenet import LeNet


def scan(folder: Path) -> dict[str, dict[str, str]]:
    """Each version's file within the folder, by name and version; nothing may be wrong."""
    listing = Repository(folder, "made").scan()
    assert listing.not_served == []
    return {
        name: {version: str(each.path.relative_to(folder)) for version, each in versions.items()}
        for name, versions in listing.models.items()
    }


def only_candidate(folder: Path) -> Candidate:
    [versions] = Repository(folder, "made").scan().models.values()
    [candidate] = versions.values()
    return candidate


def test_files_are_version_1_and_folders_hold_versions(tmp_path: Path) -> None:
    for path in ["iris.pth", "a.b_c-D.safetensors", "wine/1/x.pth", "wine/12/y.safetensors"]:
        save_model(tmp_path / path)
    assert scan(tmp_path) == {
        "iris": {"1": "iris.pth"},
        "a.b_c-D": {"1": "a.b_c-D.safetensors"},
        "wine": {"1": "wine/1/x.pth", "12": "wine/12/y.safetensors"},
    }


def test_what_is_no_checkpoint_is_ignored(tmp_path: Path) -> None:
    save_model(tmp_path / "iris.pth")
    save_model(tmp_path / ".hidden/1/iris.pth")
    save_model(tmp_path / ".half.pth")
    for path in ["README.md", "plots/loss.png", "plots/old/loss.png"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).touch()
    (tmp_path / "folder.pth").mkdir()
    (tmp_path / "folder.pth/README.md").touch()
    assert scan(tmp_path) == {"iris": {"1": "iris.pth"}}


@pytest.mark.parametrize(
    "card",
    [b"", b"\xff", b"2", b'{"schema_version": 2, "x": ' + b"[" * 100_000, b"9" * 5000],
    ids=["empty", "no text", "a number", "deep", "many digits"],
)
def test_a_card_that_cannot_be_read_hides_no_model(tmp_path: Path, card: bytes) -> None:
    save_model(tmp_path / "iris.pth")
    save_model(tmp_path / "wine.pth")
    (tmp_path / "wine.json").write_bytes(card)
    assert scan(tmp_path).keys() == {"iris", "wine"}


def test_of_one_state_in_two_formats_the_recommended_one_is_taken(tmp_path: Path) -> None:
    for suffix in [".pickle", ".safetensors", ".pth"]:
        save_model(tmp_path / f"iris{suffix}")
        assert scan(tmp_path) == {"iris": {"1": f"iris{suffix}"}}


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("two words.pth", "a name is 1 to 64 of"),
        (f"{'n' * 65}.pth", "a name is 1 to 64 of"),
        ("line\nbreak/1/x.pth", "a name is 1 to 64 of"),
        ("wine/x.pth", "a version lies in a folder of its own"),
        ("wine/v2/x.pth", "a version is a positive integer"),
        ("wine/02/x.pth", "a version is a positive integer"),
        ("wine/0/x.pth", "a version is a positive integer"),
        (
            "wine/v3/x.pt",
            "no suffix that is served (.pth, .safetensors, .pickle, .pt2); "
            "stateserve convert x.pt x.pth writes its state",
        ),
        ("wine.mar", "; stateserve pack wine.mar --output FOLDER makes a model of it if its class"),
        ("wine.pt", "no suffix that is served (.pth, .safetensors, .pickle, .pt2)"),
        ("wine.PTH", "no suffix that is served"),
        ("wine.pth.tar", "no suffix that is served"),
        ("wine.pth.gz", "no suffix that is served"),
        ("wine.ckpt", "no suffix that is served"),
        ("pytorch_model.bin", "no suffix that is served"),
        ("wine.onnx", "an ONNX file; its graph is not served by itself"),
        ("wine.json", "a model card without a checkpoint"),
        ("wine/3/x.pt", "no checkpoint in it (.pth, .safetensors, .pickle, .pt2)"),
        ("wine/x.pt", "no suffix that is served"),
        ("wine/readme.json", "a model card without a checkpoint"),
    ],
)
def test_a_file_out_of_place_is_reported_and_the_others_are_served(
    tmp_path: Path, path: str, reason: str
) -> None:
    save_model(tmp_path / "iris.pth")
    (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / path).touch()
    listing = Repository(tmp_path, "iris").scan()
    assert list(listing.models) == ["iris"]
    [line] = listing.not_served
    assert reason in line
    assert "\n" not in line
    assert str(tmp_path) not in line


def test_a_folder_without_a_version_is_reported(tmp_path: Path) -> None:
    (tmp_path / "wine").mkdir()
    assert Repository(tmp_path, "iris").scan().not_served == [
        "'wine': no version in it; one lies in NAME/VERSION/"
    ]


def test_a_checkpoint_without_a_card_beside_versions_with_one_is_a_fault(tmp_path: Path) -> None:
    save_model(tmp_path / "wine/1/x.pth")
    save_model(tmp_path / "wine/2/x.pth").with_suffix(".json").unlink()
    [versions] = Repository(tmp_path, "wine").scan().models.values()
    assert versions["1"].fault is None
    fault = str(versions["2"].fault)
    assert "no model card; other versions of wine have one; `stateserve card" in fault
    assert fault.endswith(f"wine/2/x.pth --like {tmp_path}/wine/1/x.json` writes it")
    (tmp_path / "wine/1/x.json").unlink()
    [versions] = Repository(tmp_path, "wine").scan().models.values()
    assert [each.fault for each in versions.values()] == [None, None]


def test_a_version_without_a_card_beside_a_packed_one_has_to_be_packed(tmp_path: Path) -> None:
    pack_model(LeNet(), torch.rand(3, 1, 8, 8), tmp_path / "net/1")
    save_model(tmp_path / "net/2/x.pth").with_suffix(".json").unlink()
    [versions] = Repository(tmp_path, "net").scan().models.values()
    assert str(versions["2"].fault).endswith("`stateserve pack` or save_model writes it")


@given(st.from_regex(r"\A[0-9]{1,19}\Z") | st.text("0123456789 +-_v~\n٣é", min_size=1, max_size=8))
def test_a_version_folder_is_served_or_reported_by_its_name(
    tmp_path_factory: pytest.TempPathFactory, name: str
) -> None:
    folder = tmp_path_factory.mktemp("models")
    (folder / "wine" / name).mkdir(parents=True)
    (folder / "wine" / name / "x.pth").touch()
    listing = Repository(folder, "wine").scan()
    is_integer = name.isascii() and name.isdigit() and name[0] != "0" and len(name) <= 18
    assert list(listing.models.get("wine", {})) == ([name] if is_integer else [])
    assert len(listing.not_served) == (not is_integer)


def test_two_claims_to_one_version_are_a_fault(tmp_path: Path) -> None:
    save_model(tmp_path / "iris/1/x.pth")
    assert only_candidate(tmp_path).fault is None
    save_model(tmp_path / "iris/1/y.pth")
    assert str(only_candidate(tmp_path).fault).endswith("claim to be the same version; keep one")
    (tmp_path / "iris/1/y.pth").rename(tmp_path / "iris.pth")
    fault = str(only_candidate(tmp_path).fault)
    assert f"{tmp_path / 'iris.pth'} and {tmp_path / 'iris/1/x.pth'} claim" in fault


@pytest.mark.parametrize("link", ["wine/1", "wine/1/x.pth", "wine/1/x.json"])
def test_a_link_out_of_the_folder_is_a_fault(tmp_path: Path, link: str) -> None:
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    save_model(models / "wine/1/x.pth")
    inside = models / link
    inside.rename(elsewhere)
    inside.symlink_to(elsewhere)
    assert only_candidate(models).fault == f"{inside}: a symbolic link out of the models folder"


def test_names_behind_a_link_out_of_the_folder_are_not_told(tmp_path: Path) -> None:
    models, elsewhere = tmp_path / "models", tmp_path / "elsewhere"
    for name in ("private/x.json", "private.ckpt", "3/secret.pth", "other/a.pth", "other/b.pth"):
        (elsewhere / name).parent.mkdir(parents=True, exist_ok=True)
        (elsewhere / name).touch()
    (models / "wine").mkdir(parents=True)
    for link in ("link", "wine/link"):
        (models / link).symlink_to(elsewhere)
    (models / "wine/1").symlink_to(elsewhere / "other")
    listing = Repository(models, "wine").scan()
    assert listing.not_served == [
        "'link': a symbolic link out of the models folder",
        "'wine/link': a symbolic link out of the models folder",
    ]
    assert list(listing.models) == ["wine"]
    fault = f"{models / 'wine/1'}: a symbolic link out of the models folder"
    assert only_candidate(models).fault == fault
    # One version as a file and as a link: both names are of the folder itself.
    save_model(models / "wine.pth")
    claims = f"{models / 'wine.pth'} and {models / 'wine/1'} claim to be the same version; keep one"
    assert only_candidate(models).fault == claims


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("wine", ".mounted/wine"),
        ("wine/1", "../.mounted/wine/1"),
        ("wine/1", "../.data/wine/1"),
        ("wine.pth", ".data/wine/1/x.pth"),
        ("wine/1/x.pth", "../../.data/wine/1/x.pth"),
    ],
)
def test_a_link_within_the_folder_is_followed(tmp_path: Path, link: str, target: str) -> None:
    # As Kubernetes mounts a volume: .data is a link, too.
    save_model(tmp_path / ".mounted/wine/1/x.pth")
    (tmp_path / ".data").symlink_to(".mounted")
    (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / link).symlink_to(target)
    candidate = only_candidate(tmp_path)
    assert (candidate.name, candidate.version, candidate.fault) == ("wine", "1", None)


def test_a_card_that_would_block_its_reader_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "iris.pth").touch()
    os.mkfifo(tmp_path / "iris.json")
    assert str(only_candidate(tmp_path).fault).endswith("iris.json: not a regular file")


def test_a_stamp_changes_with_either_file_and_not_by_itself(tmp_path: Path) -> None:
    path = save_model(tmp_path / "iris.pth")
    stamps = [only_candidate(tmp_path).stamp]
    path.write_bytes(path.read_bytes() + b" ")
    stamps.append(only_candidate(tmp_path).stamp)
    path.with_suffix(".json").unlink()
    stamps.append(only_candidate(tmp_path).stamp)
    save_model(path)
    stamps.append(only_candidate(tmp_path).stamp)
    path.chmod(0o600)
    stamps.append(only_candidate(tmp_path).stamp)
    assert len(set(stamps)) == 5
    assert only_candidate(tmp_path).stamp == stamps[-1]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_folder_that_may_not_be_read_is_reported(tmp_path: Path) -> None:
    save_model(tmp_path / "iris.pth")
    save_model(tmp_path / "wine/1/x.pth")
    (tmp_path / "wine/1").chmod(0)
    listing = Repository(tmp_path, "iris").scan()
    (tmp_path / "wine/1").chmod(0o700)
    assert list(listing.models) == ["iris"]
    assert listing.not_served == ["'wine': Permission denied"]


def test_without_a_folder_set_the_model_is_served_alone(tmp_path: Path) -> None:
    save_model(tmp_path / "other.pth")
    # The setting accepts a file with any name.
    path = save_model(tmp_path / "two words.pth")
    repository = Repository.of(Settings(model=path))
    assert list(repository.scan().models) == [repository.default] == ["two words"]
    assert not repository.nested
    # As torch's own documents name a file.
    assert Repository.of(Settings(model=tmp_path / "digits.pt")).default == "digits"
    packed = Repository.of(Settings(model=tmp_path / "wine" / "2" / "model.pth"))
    assert packed.scan().models.keys() == {"wine"}
    assert packed.scan().models["wine"].keys() == {"2"}


@pytest.mark.parametrize("model", ["wine.v2", "wine.v2.pth", "models/wine.v2.safetensors"])
def test_with_a_folder_the_model_setting_names_the_default(tmp_path: Path, model: str) -> None:
    save_model(tmp_path / "wine.v2.pth")
    save_model(tmp_path / "iris.pth")
    repository = Repository.of(Settings(models=tmp_path, model=Path(model)))
    assert repository.default == "wine.v2"
    assert list(repository.scan().models) == ["iris", "wine.v2"]
    assert repository.nested


def test_a_folder_that_is_not_there_or_is_no_checkpoint_is_an_error_in_one_line(
    tmp_path: Path,
) -> None:
    with pytest.raises(UnreadableCheckpoint, match=r"nowhere: No such file or directory"):
        Repository(tmp_path / "nowhere", "iris").scan()
    with pytest.raises(UnreadableCheckpoint, match=r"0 models that have a card.* with --models"):
        Repository.of(Settings(model=tmp_path))


def test_a_graph_that_a_card_names_is_not_out_of_place(tmp_path: Path) -> None:
    path = pack_model(LeNet(), torch.rand(3, 1, 8, 8), tmp_path / "digits/1")
    card = json.loads(path.with_suffix(".json").read_text())
    card["onnx"] = {"file": "model.onnx", "sha256": "0" * 64}
    path.with_suffix(".json").write_text(json.dumps(card))
    path.with_suffix(".onnx").touch()
    assert Repository(tmp_path, "digits").scan().not_served == []
    (tmp_path / "digits/1/other.onnx").touch()
    [line] = Repository(tmp_path, "digits").scan().not_served
    assert "other.onnx" in line
