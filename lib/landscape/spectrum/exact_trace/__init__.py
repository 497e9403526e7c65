"""The exact trace of the Hessian for piecewise-linear networks."""
