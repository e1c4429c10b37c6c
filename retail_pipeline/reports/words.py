"""Figures in words: money, shares, counts, changes."""

from dataclasses import dataclass
from decimal import Decimal

Number = float | Decimal


@dataclass(frozen=True)
class Money:
    """Writes amounts of one currency; without its code where it is not known.

    Examples
    --------
    >>> Money("GBP").text(1456145.22), Money("GBP").signed(-191410.52), Money(None).text(8.5)
    ('1,456,145 GBP', '-191,411 GBP', '8.50')
    """

    currency: str | None

    def text(self, amount: Number) -> str:
        """An amount: to the unit from a hundred on, to the hundredth below."""
        digits = 0 if abs(float(amount)) >= 99.995 else 2
        number = f"{amount:,.{digits}f}"
        number = number.removeprefix("-") if not float(number.replace(",", "")) else number
        return f"{number} {self.currency}" if self.currency else number

    def signed(self, amount: Number) -> str:
        """An amount with its sign."""
        text = self.text(amount)
        return text if text.startswith("-") or not amount else f"+{text}"


def percent(share: Number) -> str:
    """A share in percent, with a decimal below ten.

    Examples
    --------
    >>> percent(0.357), percent(0.0357), percent(12.5)
    ('36 %', '3.6 %', '1,250 %')
    """
    value = float(share) * 100
    digits = 1 if round(abs(value), 1) < 10 and round(abs(value), 1) != round(abs(value)) else 0
    text = f"{value:,.{digits}f} %"
    return text.removeprefix("-") if not float(text[:-2].replace(",", "")) else text


def compared(growth: float, other: str) -> str:
    """How a figure stands to another: '36 % above October 2011', 'as in October 2011'.

    From twice as much on the factor is told: '3.2 times October 2011'.
    """
    if growth >= 1:
        return f"{growth + 1:,.1f} times {other}"
    text = percent(abs(growth))
    return f"as in {other}" if text == "0 %" else f"{text} {'above' if growth > 0 else 'below'} {other}"


def counted(number: Number, noun: str, plural: str | None = None) -> str:
    """A number with its noun: '1 order', '3,112 orders'."""
    return f"{number:,.0f} {noun if number == 1 else plural or noun + 's'}"


def wilson_interval(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927): honest for few trials and for shares near 0 and 1.

    Examples
    --------
    >>> [round(end, 3) for end in wilson_interval(8, 10)]
    [0.49, 0.943]
    """
    from scipy.stats import binomtest

    low, high = binomtest(hits, trials).proportion_ci(method="wilson")
    return min(low, hits / trials), max(high, hits / trials)
