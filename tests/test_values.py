"""What goes from module to module is a value: frozen, with slots, and not compared where it holds arrays."""

from __future__ import annotations

import functools
import importlib
import pkgutil

from msgspec import Struct

import qa_reports


def test_structs_are_values() -> None:
    names = [module.name for module in pkgutil.walk_packages(qa_reports.__path__, "qa_reports.")]
    modules = [importlib.import_module(name) for name in names if not name.endswith("__main__")]
    found = {
        it
        for module in modules
        for it in vars(module).values()
        if isinstance(it, type) and issubclass(it, Struct) and it is not Struct
    }
    assert {"Survey", "Flag"} <= {value.__name__ for value in found}
    for value in found:
        is_filled_where_it_is_made = value.__name__.startswith("_")
        keeps_what_it_computed = any(isinstance(one, functools.cached_property) for one in vars(value).values())
        holds_arrays = any("Array" in str(annotation) for annotation in value.__annotations__.values())
        settings = value.__struct_config__
        assert settings.frozen or is_filled_where_it_is_made, value
        assert not settings.dict or keeps_what_it_computed, value
        # Arrays have no single answer to whether they are equal.
        assert not (holds_arrays and settings.eq), value
