"""All room that there is for photos on their way in and out."""

from service.ports.observing import TransferFigures
from service.rpc.arrivals import Arrivals
from service.rpc.budget import ByteBudget


class Transfers:
    """One ``budget`` for all, and the ``arrivals`` that come to it; see there."""

    def __init__(self, total: int, line: int) -> None:
        self.budget = ByteBudget(total, line)
        self.arrivals = Arrivals(self.budget)

    def figures(self) -> TransferFigures:
        """Return how things stand."""
        return TransferFigures(self.budget.held, self.arrivals.counted, self.budget.waiting)
