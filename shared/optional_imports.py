"""Keeps libraries from taking along what they can do without, and would load only because it happens to be there."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def block_imports(*packages: str) -> Iterator[None]:
    """Within the block, these packages are not to be had; what is loaded already stays."""
    hidden = [name for name in packages if name not in sys.modules]
    # None is how the import system spells "not there".
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
