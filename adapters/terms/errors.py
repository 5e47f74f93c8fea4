"""What can be wrong with a filter or an ontology file."""


class FilterError(ValueError):
    """A filter cannot be answered. The answer is an error, never a wider question (CHECKLIST BEA-31)."""


class UnknownFilter(FilterError):
    """The id names no term, field or custom filter of this beacon."""


class InvalidFilter(FilterError):
    """The filter is known, but its operator, value, scope or another part is not allowed."""


class InvalidOntology(ValueError):
    """The file is not an ontology that can be loaded; the message names the file, the place and the reason."""
