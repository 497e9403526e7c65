"""The store: a result is computed once for everything that determines it."""

from landscape.store.entries import Store

__all__ = [
    "Store",
]
