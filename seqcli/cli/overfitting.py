"""Whether a run's log shows that it learns its training data by heart, or has too few updates."""

from __future__ import annotations

from seqcli.settings.sections import Training
from seqcli.training.loop import Evaluated

MANY = 5  # epochs with a worse loss: fewer are noise of a small validation split
FEW = 50  # updates in all: a rate near the usual ones moves nothing far in so many


class Overfitting:
    """Watches the losses of the epochs, and has one line to say about them."""

    def __init__(self, train: Training) -> None:
        # a run that keeps its last epoch is made to go through its whole schedule
        self.silent = bool(train.patience) or train.select == "last"
        self.epoch = self.best = 0  # epochs seen; the one with the lowest loss
        self.lowest = self.trained = float("inf")

    def hint(self, event: Evaluated) -> str | None:
        """What to do, once, when validation has been worse for many epochs while training gains."""
        self.epoch += 1
        if self.silent or event.valid is None:
            return None
        valid, train = event.valid["loss"], event.train["loss"]
        if valid < self.lowest:
            self.best, self.lowest, self.trained = self.epoch, valid, train
            return None
        worse = self.epoch - self.best
        if worse < MANY or train >= self.trained:
            return None
        self.silent = True
        return (
            f"it overfits: valid loss worse for {worse} epochs, train's falls; "
            f"--patience {MANY} stops"
        )


def few_updates(batches: int, train: Training) -> str | None:
    """What to do, before they are made, where updates in all are a handful that nobody asked for.

    `batches` an epoch.
    """
    updates = batches * train.epochs
    if updates >= FEW or (train.max_steps is not None and train.max_steps <= updates):
        return None
    epochs = f"{train.epochs} epoch" + "s" * (train.epochs != 1)
    return (
        f"only {updates} updates in all ({epochs} of {batches}): a smaller --batch-size gives more"
    )
