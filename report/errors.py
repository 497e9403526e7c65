"""The one error a reader of the report's build can meet."""


class ReportError(ValueError):
    """What was asked for cannot be made; the message says what is wrong, where, and what to do."""
