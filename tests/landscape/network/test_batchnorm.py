"""The blocks of examples that batch normalisation takes together."""

from hypothesis import given
from hypothesis import strategies as st
from landscape.network.batchnorm import block_sizes


@given(st.integers(1, 500), st.integers(1, 60))
def test_blocks_are_as_few_as_fit_and_differ_by_at_most_one(count, size):
    sizes = block_sizes(count, size)
    assert sum(sizes) == count and len(sizes) == -(-count // size)
    assert max(sizes) <= size and max(sizes) - min(sizes) <= 1
