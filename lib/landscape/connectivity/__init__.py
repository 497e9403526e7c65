"""Connectivity: paths between solutions, their barriers, and what lowers them."""

from landscape.connectivity.straight import Path, linear_barrier

__all__ = ["Path", "linear_barrier"]
