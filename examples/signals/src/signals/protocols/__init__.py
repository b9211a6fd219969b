"""Digital protocols: `encode` makes sampled levels (0 or 1), `decode` reads them."""


class FramingError(ValueError):
    """The levels are no frame of this protocol."""
