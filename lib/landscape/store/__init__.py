"""The store: a result is computed once for everything that determines it, and then read back.

The key of a result is a hash of the code, of all arguments and of the machine's numerical
environment. Map of the modules:

- ``entries``: the class ``Store``, a folder of results. ``codec`` turns results into files and
  back; ``provenance`` describes the machine.
- ``fingerprint``: hashes of values, networks and code. ``feeder`` walks through a value and feeds
  the hash; ``plain`` gives the text of numbers and strings, ``arrays`` the bytes of arrays and
  tensors, ``identity`` the parts of every other object: those of functions come from
  ``functions``, those of networks from ``networks``.
- ``library``, ``installed``: whose code is it? Code of this library counts by its source, code of
  installed packages by name and version, all other code by what Python holds in memory.
- ``code_versions``: hashes of source code that ignore words, names of locals and places of files.
  ``source_code`` parses the packages; ``skeletons`` writes down what a definition computes;
  ``scopes`` says what a name in it refers to; ``effects`` finds the statements elsewhere that
  change it; ``carriers`` lists the modules that decide no result; ``version_table`` keeps all
  versions on disk.
- ``configuration``: the base class of training options, each with its own fingerprint.
"""

from landscape.store.entries import Store

__all__ = [
    "Store",
]
