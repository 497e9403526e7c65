"""Tables and sentences of the report, made from what studies recorded."""
