"""Geometry of neural-network loss landscapes, measured so that the numbers can be trusted.

Modules stand on floors and import only downwards:

0. ``rng`` ``fingerprint`` ``progress`` ``codec`` ``machine`` ``store`` ``parameters`` ``batchnorm``
   ``groups`` ``losses`` ``convolution`` ``folding`` ``network`` ``operators`` ``hessian``
   ``precision`` ``piecewise`` ``pooling`` ``squares`` ``data`` ``torchvision_import`` ``models``
1. ``objective`` ``measurement`` ``training``
2. ``spectrum`` ``directions``
3. ``slices`` ``sharpness`` ``connectivity`` ``theory``
4. ``statistics`` ``claims`` ``files`` ``results`` ``records``
5. ``display`` ``tables`` ``panels`` ``frames`` ``plots``
"""

__version__ = "0.1.0"
