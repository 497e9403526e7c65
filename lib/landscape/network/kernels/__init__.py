"""Fast forward passes and fast second derivatives of any network, with the same numbers."""
