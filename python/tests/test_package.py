"""What a wheel holds beside the code: what others who pass it on must have."""

from __future__ import annotations

import importlib.metadata
import json
import re

import pytest

LIBRARIES = {"librdkafka", "openssl", "sqlite", "zlib", "zstd", "curl"}


def text(name: str) -> str:
    found = [file for file in importlib.metadata.files("onceward") or [] if file.name == name]
    if not found:
        pytest.skip("this wheel was built by hand; `cargo xtask python --wheel` builds a whole one")
    return found[0].read_text("utf-8")


def test_the_licences_of_everything_inside_are_there() -> None:
    texts = text("LICENSE-third-party.txt")
    for said in [
        "Copyright (c) 2012-2022, Magnus Edenhill",  # librdkafka
        "Yann Collet",  # lz4 and zstd
        "Jean-loup Gailly",  # zlib
        "Daniel Stenberg",  # curl
        "TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION",  # OpenSSL
        "May you do good and not evil",  # SQLite
        "Tokio Contributors",
        "PyO3",
    ]:
        assert said in texts, said
    assert "Apache License" in text("LICENSE")


def test_the_bill_of_materials_names_versions_and_no_paths() -> None:
    written = text("onceward.cdx.json")
    bill = json.loads(written)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    parts = {part["name"]: part for part in bill["components"]}
    assert LIBRARIES | {"tokio", "pyo3", "rdkafka", "rusqlite"} <= parts.keys()
    assert all(parts[name]["version"] and parts[name]["purl"] for name in LIBRARIES)
    assert all(part["licenses"] for part in parts.values())
    assert len({part["bom-ref"] for part in bill["components"]}) == len(bill["components"])
    assert not re.search(r"file:|/(home|root|tmp|work)/", written), "a path of the machine that built it"
    # Every part of the bill has its line among the licences.
    texts = text("LICENSE-third-party.txt")
    missing = [name for name in parts if f"\n{name} " not in texts and f"\n{name}:" not in texts]
    assert missing == []
