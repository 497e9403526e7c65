"""Modules that carry or draw results but decide none: a change there recomputes nothing."""

CARRIERS = (
    "landscape.executor",
    "landscape.plots",
    "landscape.progress",
    "landscape.store.arrays",
    "landscape.store.carriers",
    "landscape.store.code_versions",
    "landscape.store.codec",
    "landscape.store.disk",
    "landscape.store.effects",
    "landscape.store.entries",
    "landscape.store.feeder",
    "landscape.store.fingerprint",
    "landscape.store.functions",
    "landscape.store.identity",
    "landscape.store.installed",
    "landscape.store.library",
    "landscape.store.networks",
    "landscape.store.plain",
    "landscape.store.provenance",
    "landscape.store.scopes",
    "landscape.store.skeletons",
    "landscape.store.source_code",
    "landscape.store.version_table",
)


def is_carrier(module: str) -> bool:
    """Return whether a module, or a package around it, only carries or draws results."""
    return any(module == carrier or module.startswith(f"{carrier}.") for carrier in CARRIERS)
