"""Judge claims: measured relations, margins, rules, verdicts and the sentences about them.

Everything here works on plain samples, such as one value a seed, and knows nothing of how they were
recorded. ``relations`` and ``associations`` turn samples into measured relations, ``rules`` and
``verdicts`` judge them, ``sentences`` and ``rows`` tell what was found.
"""
