"""A torchvision ResNet on images."""

import torch
import torchvision


def build():
    torch.manual_seed(0)
    return torchvision.models.resnet18(num_classes=10)


def data():
    """Random images and classes; your own data set stands here."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(64, 3, 16, 16, generator=generator)
    return torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(images, torch.arange(64) % 10), batch_size=16
    )
