"""The dataset in MLCommons' format Croissant 1.1: JSON-LD that search engines and loaders read."""

from typing import Any

import pyarrow as pa

from sweeps.driver.export.exported import Authorship, Exported, note

VERSION = "http://mlcommons.org/croissant/1.1"

_VOCABULARY = """
arrayShape citeAs column containedIn equivalentProperty extract field fileObject fileProperty fileSet format
includes isArray isLiveDataset jsonPath key md5 parentField path recordSet references regex repeated replace
samplingRate separator source subField transform
"""
"""Names of the format's own vocabulary, as its specification lists them in the context."""

_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "dct": "http://purl.org/dc/terms/",
    "conformsTo": "dct:conformsTo",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "description": {"@container": "@language"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "name": {"@container": "@language"},
    **{name: f"cr:{name}" for name in _VOCABULARY.split()},
}

_RUNS, _RECORDS = "runs", "records"


def croissant(exported: Exported, authorship: Authorship) -> dict[str, Any]:
    """The description of a dataset.

    Args:
        exported: the dataset.
        authorship: who publishes it.
    """
    file_sets, record_sets = [], []
    schemas = {_RUNS: exported.runs, _RECORDS: exported.records}
    for name, schema in schemas.items():
        if schema is not None:
            file_sets.append(_file_set(name))
            record_sets.append(_record_set(name, schema))
    return {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": VERSION,
        "name": exported.sweep.name,
        "description": exported.title,
        "version": "1.0.0",
        "license": f"https://spdx.org/licenses/{authorship.license}.html",
        "datePublished": authorship.date,
        "creator": [{"@type": "sc:Person", "name": author} for author in authorship.authors],
        "keywords": ["benign overfitting", "phase diagram", str(exported.sweep.name)],
        "isLiveDataset": not exported.is_complete,
        "citeAs": f"{'; '.join(authorship.authors)} ({authorship.date[:4]}). {exported.title}.",
        "distribution": [*_files(exported), *file_sets],
        "recordSet": record_sets,
    }


def _files(exported: Exported) -> list[dict[str, Any]]:
    return [
        {
            "@type": "cr:FileObject",
            "@id": file.path,
            "name": file.path,
            "contentUrl": file.path,
            "contentSize": f"{file.size} B",
            "encodingFormat": "application/x-parquet"
            if file.path.endswith(".parquet")
            else "application/json",
            "sha256": file.sha256,
        }
        for file in exported.files
    ]


def _file_set(name: str) -> dict[str, Any]:
    """The files of one kind, by the beginning of their names."""
    begins = {_RUNS: "shard-", _RECORDS: "trajectory-"}[name]
    return {
        "@type": "cr:FileSet",
        "@id": f"{name}-files",
        "name": f"{name}-files",
        "encodingFormat": "application/x-parquet",
        "includes": f"data/{begins}*.parquet",
    }


def _record_set(name: str, schema: pa.Schema) -> dict[str, Any]:
    """The columns of one kind of files."""
    key = [f"{name}/run_id"] + [f"{name}/step"] * (name == _RECORDS)
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "key": [{"@id": one} for one in key],
        "field": [
            {
                "@type": "cr:Field",
                "@id": f"{name}/{field.name}",
                "name": field.name,
                "description": _described(schema, field.name),
                "dataType": _type(field.type),
                "source": {
                    "fileSet": {"@id": f"{name}-files"},
                    "extract": {"column": field.name},
                },
            }
            for field in schema
        ],
    }


def _described(schema: pa.Schema, column: str) -> str:
    """A column's meaning, with its unit where it has one."""
    meaning, unit = note(schema, column, "meaning") or column, note(schema, column, "unit")
    return meaning if unit in ("", "1") else f"{meaning}, in {unit}"


def _type(kind: pa.DataType) -> str:
    """The type that Croissant has for one of Arrow."""
    if pa.types.is_integer(kind):
        return "sc:Integer"
    if pa.types.is_floating(kind):
        return "sc:Float"
    return "sc:Boolean" if pa.types.is_boolean(kind) else "sc:Text"
