"""The trace of the Hessian without an estimate, of networks that are piecewise linear."""
