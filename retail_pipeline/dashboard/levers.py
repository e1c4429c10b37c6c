"""A forecast with one's own assumptions on top; pure."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Levers:
    """What is assumed beside the forecast: so much more or less, from a period of it on [share]."""

    orders: float = 0.0
    order_value: float = 0.0
    returns: float = 0.0
    from_place: int = 0

    @property
    def factor(self) -> float:
        """What net sales are multiplied by.

        Examples
        --------
        >>> round(Levers(orders=0.1, order_value=-0.05).factor, 3), round(Levers(returns=0.02).factor, 2)
        (1.045, 0.98)
        """
        return (1 + self.orders) * (1 + self.order_value) * (1 - self.returns)


def pulled(values: Sequence[float], levers: Levers) -> list[float]:
    """The forecast's values under the levers.

    Examples
    --------
    >>> pulled([100.0, 100.0], Levers(orders=0.5, from_place=1))
    [100.0, 150.0]
    """
    return [value * levers.factor if place >= levers.from_place else value for place, value in enumerate(values)]
