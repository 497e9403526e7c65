"""Geometry of neural-network loss landscapes, measured so that the numbers can be trusted.

Modules stand on floors and import only downwards:

1. ``network`` ``progress`` ``rng`` ``theory`` ``_torchvision``
2. ``store``
3. ``models`` ``data`` ``operators``
4. ``objective`` ``training``
5. ``spectrum`` ``evaluator`` ``measurement``
6. ``directions`` ``sharpness`` ``connectivity`` ``dynamics`` ``diagnostics``
7. ``slices``
8. ``plots``
"""

__version__ = "0.1.0"
