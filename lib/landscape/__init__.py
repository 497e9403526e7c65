"""Geometry of neural-network loss landscapes, measured so that the numbers can be trusted.

Modules stand on floors and import only downwards:

0. ``rng`` ``source_code`` ``code_versions`` ``identity`` ``fingerprint`` ``progress`` ``codec`` ``machine`` ``store`` ``parameters`` ``batchnorm``
   ``groups`` ``losses`` ``convolution`` ``normalisation`` ``folding`` ``formats`` ``deferred``
   ``fusion`` ``firstlayer`` ``network`` ``operators`` ``hessian`` ``precision`` ``piecewise``
   ``pooling`` ``squares`` ``configuration`` ``data`` ``torchvision_import`` ``models``
1. ``objective`` ``measurement`` ``training``
2. ``spectrum`` ``directions`` ``sweep``
3. ``slices`` ``sharpness`` ``connectivity`` ``theory`` ``stability`` ``noise`` ``replicas``
   ``rounding`` ``signals``
4. ``statistics`` ``correlation`` ``claims`` ``files`` ``results`` ``arms`` ``tuning`` ``records``
   ``flatness`` ``surveys`` ``cuts`` ``basins`` ``routes`` ``dynamics`` ``durations`` ``levels``
   ``findings`` ``comparisons`` ``predictors``
5. ``display`` ``wording`` ``tables`` ``accounts`` ``choices`` ``races`` ``bands`` ``panels``
   ``frames`` ``overlays`` ``contours`` ``relief`` ``scatter`` ``layers`` ``scaling`` ``trails``
   ``plots``
"""

__version__ = "0.1.0"
