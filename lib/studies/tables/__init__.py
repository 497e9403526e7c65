"""Tables and sentences of the report, made from recorded values."""
