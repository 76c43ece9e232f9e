"""How the numerical libraries are loaded: without the parts of them that nobody here needs."""

from __future__ import annotations

_NOT_NEEDED = frozenset(("f2py", "testing"))
"""Parts of NumPy that it loads only when they are asked for: a Fortran compiler's front end and unittest."""


def load_scipy() -> None:
    """Load NumPy and SciPy, before anything else does.

    SciPy takes a copy of every public name of NumPy (its `_lib/array_api_compat`), which loads all of it: a tenth of
    the time that the program takes to start. So for that moment NumPy does not name what is not needed.
    """
    import numpy as np

    namespace = vars(np)
    whole: dict[str, object] = {name: namespace[name] for name in ("__all__", "__dir__") if name in namespace}
    namespace["__all__"] = [name for name in np.__all__ if name not in _NOT_NEEDED]
    namespace["__dir__"] = lambda: [name for name in namespace if name not in _NOT_NEEDED]
    try:
        import scipy.special  # noqa: F401 -- to have it loaded
    finally:
        namespace.update(whole)
