"""Sentences about a period, each made from the one row of the query that backs it, and from nothing else."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from retail_pipeline.reports.periods import Period
from retail_pipeline.reports.words import Money

Row = dict[str, Any]
Read = Callable[[str], list[Row]]
"""Runs a query and returns its rows by column name."""


@dataclass(frozen=True)
class Said:
    """What a rule makes of a row; ``weight`` (0 to 1) says how much an owner wants to know it."""

    text: str
    certainty: str
    weight: float


@dataclass(frozen=True)
class Context:
    """What a rule may know beside its row: the period (None for all time) and how to write money."""

    period: Period | None
    money: Money

    @property
    def title(self) -> str:
        return self.period.title if self.period else "all time"


@dataclass(frozen=True)
class Rule:
    """A kind of sentence.

    Attributes
    ----------
    name, topic
        The kind, and what it is about.
    query
        One SELECT in a total order; ``{frequency}``, ``{period}`` (its first day) and ``{last_day}`` stand in it.
    say
        Makes a sentence of a row, or None where the row is nothing to speak of.
    next_look
        What to look at next.
    frequencies
        The periods it speaks of; empty for all time.
    most
        The most sentences it makes for a period.
    """

    name: str
    topic: str
    query: str
    say: Callable[[Row, Context], Said | None]
    next_look: str
    frequencies: tuple[str, ...]
    most: int = 1


@dataclass(frozen=True)
class Sentence:
    """A sentence with what backs it: ``evidence`` is a query whose one row it is made from."""

    rule: str
    topic: str
    text: str
    certainty: str
    weight: float
    next_look: str
    evidence: str


def write_sentences(rules: Iterable[Rule], period: Period | None, read: Read) -> list[Sentence]:
    """The sentences of a period (None: of all time), the weightiest first."""
    context = Context(period, Money(reporting_currency(read)))
    found = [
        sentence
        for rule in rules
        if (period.frequency in rule.frequencies if period else not rule.frequencies)
        for sentence in _of_rule(rule, context, read)
    ]
    return sorted(found, key=lambda sentence: -sentence.weight)


def reporting_currency(read: Read) -> str | None:
    """The currency of all totals, None if it is not known."""
    rows = read("select currency from core.reporting_currency")
    return rows[0]["currency"] if rows else None


def _of_rule(rule: Rule, context: Context, read: Read) -> list[Sentence]:
    query = _filled(rule.query, context.period)
    sentences = []
    for place, row in enumerate(read(f"{query}\nlimit {rule.most}")):
        said = rule.say(row, context)
        if said:
            evidence = f"{query}\nlimit 1" + (f" offset {place}" if place else "")
            sentences.append(
                Sentence(rule.name, rule.topic, said.text, said.certainty, said.weight, rule.next_look, evidence)
            )
    return sentences


def _filled(query: str, period: Period | None) -> str:
    text = query.strip()
    if period is None:
        return text
    return text.format(frequency=period.frequency, period=period.first_day, last_day=period.last_day)
