"""Build networks of several families from frozen configs, as ``models.CNN(norm="batch")``."""

from landscape.models.cnn import CNN
from landscape.models.family import ModelConfig
from landscape.models.fully_connected import FullyConnected
from landscape.models.mlp import MLP
from landscape.models.resnet import ResNet
from landscape.models.vit import ViT

__all__ = ["CNN", "MLP", "FullyConnected", "ModelConfig", "ResNet", "ViT"]
