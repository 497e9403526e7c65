"""The machinery of this report: what studies record, how claims are judged, how it is told.

Modules stand on floors and import only downwards or beside them:

1. ``intervals`` ``rank_correlation`` ``formatting`` ``display`` ``frames``: numbers, and how they
   are shown and kept
2. ``measurements`` ``claims`` ``judging`` ``files``: what is recorded and judged, and how it is
   written
3. ``study``
4. ``arms`` ``tuning`` ``time_to_target`` ``predictors`` ``power_laws`` ``published_estimators``:
   what many runs say together
5. ``records`` ``findings``
6. ``figures`` ``tables``
"""

from pathlib import Path

from landscape.store.library import read_code

# What of this package computes results is known by its content, as the library is.
read_code(Path(__file__).parent)
