"""What a model has read of a talk stays in its cache, so that a turn costs its own words only."""

from collections.abc import Sequence

from transformers import DynamicCache, PreTrainedConfig


class Prefix:
    """The cache of one voice: base or character. It holds for the weights it was filled with."""

    def __init__(self, config: PreTrainedConfig) -> None:
        self._config = config
        self._begin()

    def _begin(self) -> None:
        self.cache = DynamicCache(config=self._config)
        self.cache.activate_past_recording()  # sliding layers keep all they see until the next trim, so that an answer can be taken back
        self.read: list[int] = []  # the tokens in the cache
        self._floor = 0  # before it sliding layers have forgotten
        self._reading = False

    def trimmed(self, ids: Sequence[int]) -> int:
        """Keep what these tokens begin with, all but the last at most; returns how many need not be read again."""
        same = next(
            (n for n, (known, new) in enumerate(zip(self.read, ids[:-1], strict=False)) if known != new), min(len(self.read), len(ids) - 1)
        )
        if not same or same < self._floor or self._reading:  # or a reading was broken off in the middle of the layers
            self._begin()
            return 0
        self.cache.crop(same - len(self.read))
        self.read, self._floor = self.read[:same], same
        return same

    def begins(self) -> None:
        """A reading begins."""
        self._reading = True

    def has_read(self, ids: Sequence[int]) -> None:
        """The reading has ended, and these are in the cache too."""
        self.read += ids
        self._reading = False
