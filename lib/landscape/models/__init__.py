"""Network families, each built from a frozen config: ``models.CNN(norm="batch").build(...)``."""

from landscape.models.cnn import CNN
from landscape.models.family import ModelConfig

__all__ = ["CNN", "ModelConfig"]
