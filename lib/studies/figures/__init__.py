"""Panels of the report's figures, made from runs and from what studies recorded."""
