"""The machinery of this report: what studies record, how claims are judged, how it is told."""
