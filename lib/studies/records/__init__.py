"""Records: what studies measure of their runs and write down, one module a kind of measurement."""
