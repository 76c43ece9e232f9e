"""How the numerical libraries are loaded: without the parts of them that nobody here needs."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import gc
import importlib
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, cast

from qa_reports.stopping import is_stopping

_NOT_NEEDED = frozenset(("f2py", "testing"))
"""Parts of NumPy that it loads only when they are asked for: a Fortran compiler's front end and unittest."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Numbers of two settings in glibc's malloc.h: how much freed memory at the end of a process's own is given back, and
from which size a block is taken from the system by itself and given back at once."""
_KEPT, _BY_ITSELF = 32 << 20, 4 << 20
"""Bytes of them. Larger blocks among the others, as glibc has them after a while, cost a tenth more memory where there
are many interviewers."""


def load_numerical() -> None:
    """Load NumPy, SciPy and pandas, before anything else does.

    SciPy takes a copy of every public name of NumPy (its `_lib/array_api_compat`), which loads all of it: a tenth of
    the time that the program takes to start. So for that moment NumPy does not name what is not needed.

    Raises:
        KeyboardInterrupt: the program was told to stop meanwhile.
    """
    _keep_freed_memory()
    import numpy as np

    namespace = vars(np)
    whole: dict[str, object] = {name: namespace[name] for name in ("__all__", "__dir__") if name in namespace}
    namespace["__all__"] = [name for name in np.__all__ if name not in _NOT_NEEDED]
    namespace["__dir__"] = lambda: [name for name in namespace if name not in _NOT_NEEDED]
    try:
        with documentation_unread():
            import scipy.cluster.hierarchy
            import scipy.fft
            import scipy.linalg
            import scipy.sparse.csgraph
            import scipy.special  # noqa: F401 -- to have them loaded
    finally:
        namespace.update(whole)
    # pandas would load pyarrow wherever it is installed, only to keep text in another form.
    with not_installed("pyarrow"):
        import pandas  # noqa: F401 -- likewise
    if is_stopping():  # told so while a compiled part was loading, which may lose the interruption
        raise KeyboardInterrupt


def _keep_freed_memory() -> None:
    """Have glibc keep what one array leaves for the next, instead of giving it back and asking for it again.

    The system clears every page that it hands out, which takes longer than most of what is computed on it. Other
    systems do as they do.
    """
    if sys.platform == "linux":
        with contextlib.suppress(AttributeError):  # a C library without it
            setting = ctypes.CDLL(None).mallopt
            setting(_MMAP_THRESHOLD, _BY_ITSELF)
            setting(_TRIM_THRESHOLD, _KEPT)


@contextlib.contextmanager
def not_installed(name: str) -> Iterator[None]:
    """While it lasts, a library that is not loaded cannot be: who would use it, makes do without."""
    hidden = name not in sys.modules
    if hidden:
        sys.modules[name] = cast(ModuleType, None)  # how Python is told so
    try:
        yield
    finally:
        if hidden:
            del sys.modules[name]


@contextlib.contextmanager
def loaded_when_used(*names: str) -> Iterator[None]:
    """While it lasts, these modules with all that is in them are not loaded where they are imported, but when used.

    What is imported of one stands for the real thing, which is loaded once it is called or asked for something. What
    was loaded before, stays as it is.
    """
    deferred = _Deferred(names)
    sys.meta_path.insert(0, deferred)
    try:
        yield
    finally:
        deferred.end()


class _Deferred(MetaPathFinder, Loader):
    """Finds modules that stand for the real ones."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names
        self._standing_in: dict[str, ModuleType] = {}
        self.ended = False

    def find_spec(self, fullname: str, path: object = None, target: object = None) -> ModuleSpec | None:
        if any(fullname == name or fullname.startswith(f"{name}.") for name in self._names):
            return ModuleSpec(fullname, self, is_package=True)
        return None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._standing_in.setdefault(spec.name, _StandIn(spec.name, self))

    def exec_module(self, module: ModuleType) -> None:
        pass

    def end(self) -> None:
        """From now on modules are the real ones, also where something has a stand-in."""
        if self.ended:
            return
        self.ended = True
        sys.meta_path.remove(self)
        for name, module in self._standing_in.items():
            sys.modules.pop(name, None)
            package, _, last = name.rpartition(".")
            if vars(sys.modules.get(package, self)).get(last) is module:
                delattr(sys.modules[package], last)


class _StandIn(ModuleType):
    """Stands for a module: any name of it stands for what has that name there."""

    def __init__(self, name: str, deferred: _Deferred) -> None:
        super().__init__(name)
        self._deferred = deferred

    def __getattr__(self, name: str) -> object:
        if self._deferred.ended:
            return getattr(importlib.import_module(self.__name__), name)
        if name.startswith("__"):  # Python asks a module for some that it need not have
            raise AttributeError(name)
        return _OfThat(self, self._deferred, name)


class _OfThat:
    """Stands for something of a module: a function, a class or what has attributes."""

    def __init__(self, module: ModuleType, deferred: _Deferred, name: str) -> None:
        self._module, self._deferred, self._name = module, deferred, name

    def _real(self) -> Any:
        self._deferred.end()
        return getattr(self._module, self._name)

    def __getattr__(self, name: str) -> object:
        return getattr(self._real(), name)

    def __call__(self, *args: object, **options: object) -> object:
        return self._real()(*args, **options)

    def __mro_entries__(self, bases: tuple[object, ...]) -> tuple[type, ...]:
        return (self._real(),)


@contextlib.contextmanager
def documentation_unread() -> Iterator[None]:
    """While it loads, SciPy takes the documentation of its functions apart to add notes: an eighth of its time.

    Its readers of documentation find nothing meanwhile, and what is loaded has less of it.
    """
    try:
        from scipy._lib import doccer
        from scipy._lib._docscrape import FunctionDoc
    except ImportError:  # another version, in another place
        yield
        return

    def without(doc: object, *_: object, **__: object) -> None:
        vars(doc)["_parsed_data"] = defaultdict(list)

    replaced: tuple[tuple[object, str, object], ...] = (
        (FunctionDoc, "__init__", without),
        (FunctionDoc, "__str__", lambda _: "\n"),
        (doccer, "docformat", lambda text, *_: text),
    )
    kept = [vars(owner)[name] for owner, name, _ in replaced]
    for owner, name, instead in replaced:
        setattr(owner, name, instead)
    try:
        yield
    finally:
        for (owner, name, _), was in zip(replaced, kept, strict=True):
            setattr(owner, name, was)


@contextlib.contextmanager
def properties_unlisted() -> Iterator[None]:
    """While it loads, Matplotlib lists what can be set of every kind of artist, to document it: a fifth of its time.

    Nobody sets anything of one here.
    """
    artist = importlib.import_module("matplotlib.artist")
    kept = vars(artist).get("kwdoc")
    if kept is None:  # another version
        yield
        return
    vars(artist)["kwdoc"] = lambda _: ""
    try:
        yield
    finally:
        vars(artist)["kwdoc"] = kept


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Where nearly all that is made lives on, looking for garbage among it is lost: a tenth of a layout's time.

    It is not looked through as soon as this has ended: it counts as old, until the collector looks through all. Who
    lays out document after document, such as a PDF per team, collects in between.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if was_on:
            gc.enable()


@contextlib.contextmanager
def named_by_their_files() -> Iterator[None]:
    """While it lasts, no shared library is looked for: one that is named by its file is loaded all the same.

    On Linux that takes a compiler, a linker and a list of all libraries, each a program of its own: WeasyPrint, which
    tries several names for each of its libraries, spends a third of its time on it.
    """
    if sys.platform != "linux":
        yield
        return
    kept = ctypes.util.find_library
    ctypes.util.find_library = lambda name: None
    try:
        yield
    finally:
        ctypes.util.find_library = kept
