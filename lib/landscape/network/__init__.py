"""Networks as functions of their parameters: outputs, losses, Hessian and Gauss-Newton products."""
