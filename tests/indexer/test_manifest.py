import pytest
from pydantic import ValidationError

from indexer.build import BuildReport
from indexer.manifest import IndexManifest


def test_a_manifest_survives_being_written_and_read(built: BuildReport) -> None:
    written = built.manifest.model_dump_json()
    assert IndexManifest.model_validate_json(written) == built.manifest


@pytest.mark.parametrize(
    "change",
    [
        {"schema_version": 3},
        {"generation": 0},
        {"segments": [{"name": "000001", "rows": 5, "index": {"kind": "guess"}}]},
        {"segments": [{"name": "../a", "rows": 5, "index": {"kind": "scalar-fp16"}}]},
        {"counts": {"found": -1, "indexed": 0, "quarantined": 0}},
        {"files": {"a": {"size_bytes": 1, "sha256": "short"}}},
        {"surprise": True},
    ],
)
def test_a_manifest_with_a_wrong_field_is_refused(
    built: BuildReport, change: dict[str, object]
) -> None:
    with pytest.raises(ValidationError):
        IndexManifest.model_validate({**built.manifest.model_dump(), **change})
