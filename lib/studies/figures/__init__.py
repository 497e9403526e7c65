"""Panels of the report's figures, made from runs and recorded values."""
