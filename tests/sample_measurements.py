"""What results carry beside their values, where a test makes one by hand."""

MEASURED = {"bn": "frozen", "examples": 5, "examples_hash": "hash", "dtype": "float32"}
