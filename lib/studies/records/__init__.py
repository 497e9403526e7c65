"""What studies measure of their runs and record, one module a kind of measurement."""
