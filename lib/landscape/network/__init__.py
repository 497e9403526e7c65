"""Networks as functions of their parameters: values, losses, products with curvature."""
