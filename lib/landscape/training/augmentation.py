"""Augmentation: the standard random changes of small training images, drawn from a generator."""

import dataclasses

import torch

from landscape.store.configuration import Configuration


@dataclasses.dataclass(frozen=True)
class Augmentation(Configuration):
    """A random crop of the padded image, and a mirror image half of the time.

    Pixels beyond the border are 0, which is the mean of normalised images.

    Attributes:
        padding: Pixels added on each side before the crop; 0 crops nothing.
        flip: Whether images are mirrored, left to right, with probability 1/2.

    Reference: He et al. (2016), Deep Residual Learning for Image Recognition, section 4.2.
    """

    padding: int = 4
    flip: bool = True

    def __post_init__(self) -> None:
        if self.padding < 0 or not (self.padding or self.flip):
            raise ValueError(
                f"Augmentation(padding={self.padding}, flip={self.flip}) is none or impossible. "
                "Pass padding >= 1 or flip=True, or TrainConfig(augmentation=None)."
            )

    def __call__(self, images: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        """Return changed copies of images (N, C, H, W), each with a crop and mirroring of its own.

        Args:
            images: The images.
            generator: Moves on by three draws an image.
        """
        count, _, height, width = images.shape
        down, right = torch.randint(0, 2 * self.padding + 1, (2, count, 1), generator=generator)
        mirrored = torch.randint(0, 2, (count, 1), generator=generator) * self.flip
        rows = down + torch.arange(height)
        across = torch.arange(width)
        columns = right + torch.where(mirrored.bool(), width - 1 - across, across)
        padded = torch.nn.functional.pad(images, [self.padding] * 4)
        which = torch.arange(count)[:, None, None]
        # Indices around a slice come first: (N, H, W, C).
        return padded[which, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
