"""What can go wrong and be mended by the person at the keyboard."""


class StudioError(Exception):
    """A sentence for a person: what happened, whether words are safe, one thing to do. Anything else is a defect and may crash."""


class NotFound(StudioError):
    """What was asked for is not there (any more)."""


class NotReady(StudioError):
    """A step was asked for before the step it needs."""


class BadFile(StudioError):
    """A file or a line of it cannot be read as what it should be."""


class Busy(StudioError):
    """Something else is using what this needs."""
