"""Prevents libraries from loading optional dependencies that happen to be installed."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def block_imports(*packages: str) -> Iterator[None]:
    """Make these packages unimportable within the block. Packages that are loaded already stay."""
    hidden = [name for name in packages if name not in sys.modules]
    # The import system treats None as a missing module.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
