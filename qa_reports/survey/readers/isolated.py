"""Parse one file of a binary format: run as a program of its own, because the libraries can crash on damaged files.

Reads from standard input a line of JSON (`kind`, `encoding`, `sheet`) and then the file's bytes, writes to standard
output a pickled dictionary. It imports nothing of this package, so that it starts fast.

What it writes is either `{"refused": reason}` or `table` (column name -> array of numbers or list of cells, in the
file's order; a spreadsheet's list of rows; a data frame from Parquet), `variables` (column name -> what the file says
about it) and `notes`.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import sys
from typing import Any

import numpy as np

Answer = dict[str, Any]


def parse(kind: str, content: bytes, encoding: str | None = None, sheet: str | None = None) -> Answer:
    """What is in a file of this kind, or why it cannot be read."""
    if kind == "workbook":
        return _workbook(content, sheet)
    if kind == "parquet":
        return _parquet(content)
    return _statistical(kind, content, encoding)


def _statistical(kind: str, content: bytes, encoding: str | None) -> Answer:
    import pyreadstat

    read: Any = {
        "spss": pyreadstat.read_sav,
        "por": pyreadstat.read_por,
        "stata": pyreadstat.read_dta,
        "sas7bdat": pyreadstat.read_sas7bdat,
        "xport": pyreadstat.read_xport,
    }[kind]
    options: dict[str, Any] = {"output_format": "dict"}
    if kind in ("spss", "stata", "sas7bdat"):
        options["user_missing"] = True
    if kind != "por":
        options["encoding"] = encoding
    notes = []
    try:
        columns, metadata = read(io.BytesIO(content), **options)
    except UnicodeDecodeError as error:
        return {"refused": f"encoding: {error.reason}"}
    except (OverflowError, ValueError):  # a date that no calendar has
        try:
            columns, metadata = read(io.BytesIO(content), disable_datetime_conversion=True, **options)
        except Exception as error:
            return {"refused": str(error)}
        notes = ["a date in it is impossible, so its dates and times are the numbers that are stored"]
    except Exception as error:  # the library's own errors, and what it does not catch of damaged files
        return {"refused": str(error) or type(error).__name__}
    if len(columns) != len(metadata.column_names):
        return {"refused": "two of its columns have one name"}
    extended = kind in ("stata", "sas7bdat")
    return {
        "table": {name: _cells(cells, metadata.readstat_variable_types[name]) for name, cells in columns.items()},
        "variables": {name: _variable(name, metadata, extended) for name in metadata.column_names},
        "notes": notes,
    }


def _cells(cells: list[Any], stored: str) -> Any:
    """(n,) floats where the column holds nothing but numbers; else the cells, extended missing values as ".a"."""
    if stored == "string":
        return cells
    kinds = {type(cell) for cell in cells} - {type(None)}
    if kinds <= {int, float}:
        return np.array(cells, dtype=np.float64)
    return [f".{cell}" if isinstance(cell, str) else cell for cell in cells]


def _variable(name: str, metadata: Any, extended: bool) -> Answer:
    """`label`, `values` [(value, label)], `missing` [(low, high)] and `extended` [".a", ...] of one column."""
    numeric = metadata.readstat_variable_types[name] != "string"
    letters = [f".{letter}" for letter in metadata.missing_user_values.get(name, [])] if extended and numeric else []
    values = metadata.variable_value_labels.get(name, {})
    if extended and numeric:
        values = {f".{value}" if isinstance(value, str) else value: label for value, label in values.items()}
    return {
        "label": metadata.column_names_to_labels.get(name),
        "values": list(values.items()),
        "missing": [(entry["lo"], entry["hi"]) for entry in metadata.missing_ranges.get(name, [])],
        "extended": letters,
    }


def _workbook(content: bytes, sheet: str | None) -> Answer:
    from python_calamine import CalamineError, CalamineWorkbook, PasswordError

    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        names = workbook.sheet_names
        if sheet is not None and sheet not in names:
            return {"refused": "no sheet", "sheets": names}
        notes: list[str] = []
        rows: list[list[Any]] = []
        for name in [sheet] if sheet is not None else names:
            rows = workbook.get_sheet_by_name(name).to_python(skip_empty_area=False)
            if any(cell != "" for row in rows for cell in row):
                others = [other for other in names if other != name]
                if sheet is None and others:
                    notes = [f"its sheet {name!r} is read, and not {', '.join(others[:5])}"]
                break
    except PasswordError:
        return {"refused": "it is protected by a password"}
    except (CalamineError, OSError, ValueError) as error:
        return {"refused": str(error)}
    return {"table": rows, "variables": {}, "notes": notes}


def _parquet(content: bytes) -> Answer:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        # No threads: one that still holds a Python file when the interpreter ends takes the process down with it.
        table = pq.read_table(pa.BufferReader(content), use_threads=False, pre_buffer=False)
        names = table.column_names
        return {
            "names": names,
            "table": {place: _arrow_cells(column) for place, column in enumerate(table.columns)},
            "variables": {},
            "notes": [],
        }
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        return {"refused": str(error).split("\n")[0]}


def _arrow_cells(column: Any) -> Any:
    """(n,) floats where the column holds numbers that floats can hold; else the cells as Python objects."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_decimal(kind):
        return np.array([None if cell is None else float(cell) for cell in column.to_pylist()], dtype=np.float64)
    if pa.types.is_floating(kind) or (pa.types.is_integer(kind) and _is_exact(column)):
        return column.to_numpy().astype(np.float64)
    return column.to_pylist()


def _is_exact(column: Any) -> bool:
    """Whether a float holds every one of these whole numbers."""
    import pyarrow.compute as pc

    ends = pc.min_max(column).as_py()
    return ends["min"] is None or max(-ends["min"], ends["max"]) < 2**53


def _limit_memory() -> None:
    """No more than the machine has, and no core dump; macOS refuses such limits, and Windows does not know them."""
    if sys.platform == "linux":
        import resource

        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        _, most = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (memory if most == resource.RLIM_INFINITY else min(memory, most), most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Answer one request; nothing that a library prints may come between."""
    _limit_memory()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.readline())
    try:
        answer = parse(request["kind"], sys.stdin.buffer.read(), request["encoding"], request["sheet"])
    except MemoryError:
        answer = {"refused": "it asks for more memory than this machine has"}
    with answers:
        pickle.dump(answer, answers, protocol=5)
    # What libraries do at the end of an interpreter can fail, and concerns nobody any more.
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
