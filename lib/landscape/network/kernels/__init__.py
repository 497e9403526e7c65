"""What makes networks and their derivatives fast: PyTorch function modes with the same numbers."""
