"""Change small training images at random: the standard crop and mirror image."""

import dataclasses

import torch

from landscape.store.configuration import Configuration


@dataclasses.dataclass(frozen=True)
class Augmentation(Configuration):
    """A random crop of the padded image, mirrored with probability 1/2.

    Pixels beyond the border are 0, the mean of normalised images.

    Attributes:
        padding: Pixels added on each side before the crop; 0 does not crop.
        flip: Whether images are mirrored from left to right with probability 1/2.

    Raises:
        ValueError: If ``padding`` is negative, or neither a crop nor a mirror image is left.

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
        """Return changed copies of images, each with its own crop and mirroring.

        Args:
            images: The images (N, C, H, W).
            generator: Source of random numbers; three are drawn for each image.

        Returns:
            The changed images (N, C, H, W).
        """
        count, _, height, width = images.shape
        # All three numbers are always drawn, so that settings do not shift later random numbers.
        down, right = torch.randint(0, 2 * self.padding + 1, (2, count, 1), generator=generator)
        mirrored = torch.randint(0, 2, (count, 1), generator=generator) * self.flip
        rows = down + torch.arange(height)
        unmirrored = torch.arange(width)
        columns = right + torch.where(mirrored.bool(), width - 1 - unmirrored, unmirrored)
        padded = torch.nn.functional.pad(images, [self.padding] * 4)
        image_indices = torch.arange(count)[:, None, None]
        # Axes of indices on both sides of a slice come first: (N, H, W, C).
        return padded[image_indices, :, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)
