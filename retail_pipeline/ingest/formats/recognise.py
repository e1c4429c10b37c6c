"""Telling by its header which format an export is of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from retail_pipeline.errors import UnreadableDropError
from retail_pipeline.ingest.formats.base import Format


@dataclass(frozen=True)
class Refusal:
    """A kind of export that is known and of no use: ``headers`` identify it, ``advice`` says what to export instead."""

    title: str
    headers: tuple[str, ...]
    advice: str


@dataclass(frozen=True)
class Recognised:
    """A header that fits a format.

    ``positions`` maps columns to their positions (lines packed into numbered columns are called ``packed_1`` and so
    on), ``headers`` maps them to what they are called in the file; ``header`` is the whole header, ``unused`` names
    those no column is read from.
    """

    format: Format
    positions: dict[str, int]
    headers: dict[str, str]
    header: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()
    packed: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that lines have, once they are unpacked."""
        packed = self.format.packed
        return (*(name for name in self.positions if name not in self.packed), *(packed.columns if packed else ()))

    @property
    def personal_positions(self) -> tuple[int, ...]:
        """Where the columns stand that tell who a person is."""
        pattern = self.format.personal_headers
        return tuple(place for place, name in enumerate(self.header) if pattern and pattern.search(fold(name)))


@dataclass
class _Fit:
    positions: dict[str, int] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)


def fold(header: str) -> str:
    """A header as it is compared: no byte-order mark, no case, no outer blanks, one blank where there are more."""
    return " ".join(header.replace("\ufeff", "").split()).casefold()


def recognise(
    header: Sequence[str], formats: Sequence[Format], what: str, refusals: Sequence[Refusal] = ()
) -> Recognised:
    """The format a header belongs to: of those whose required columns are all there, the one that uses most.

    A format of the user's own goes before the others.

    Parameters
    ----------
    what
        The file (and sheet), for the error.
    refusals
        Exports to be refused with advice.

    Raises
    ------
    UnreadableDropError
        naming the nearest format and the columns it lacks.
    """
    folded = [fold(name) for name in header]
    fits = [(candidate, _fit(candidate, folded)) for candidate in formats]
    whole = [(candidate, fit) for candidate, fit in fits if not fit.lacking]
    if whole:
        chosen, fit = max(whole, key=lambda pair: (pair[0].is_own, len(pair[1].positions)))
        if fit.doubled:
            raise UnreadableDropError(f"{what} has the column {fit.doubled[0]!r} more than once; keep one of them.")
        return _recognised(chosen, fit, header)
    for refusal in refusals:
        if all(fold(name) in folded for name in refusal.headers):
            raise UnreadableDropError(f"{what} is {refusal.title}. {refusal.advice}")
    nearest, fit = max(fits, key=lambda pair: 1 - len(pair[1].lacking) / len(pair[0].required))
    shown = ", ".join(_shown(name) for name in header[:12]) + (", …" if len(header) > 12 else "")
    if len(fit.lacking) < len(nearest.required):
        near = f"Nearest is {nearest.name} ({nearest.title}); it lacks: {', '.join(fit.lacking)}."
    else:
        near = "None of them is a column that a format needs; is the first line a header?"
    raise UnreadableDropError(
        f"{what} fits no known format. Its columns are: {shown}. {near} Rename the columns or export in one of: "
        f"{', '.join(format_.name for format_ in formats)}."
    )


def _fit(candidate: Format, folded: Sequence[str]) -> _Fit:
    fit = _Fit()
    for column, declared in [*candidate.required.items(), *candidate.optional.items()]:
        names = (declared,) if isinstance(declared, str) else declared
        present = next((name for name in names if fold(name) in folded), None)
        if present is not None:
            fit.positions[column] = folded.index(fold(present))
            if folded.count(fold(present)) > 1:
                fit.doubled.append(present)
        elif column in candidate.required:
            fit.lacking.append(" or ".join(names))
    if candidate.packed and not any(_packed_columns(candidate, folded)):
        fit.lacking.append(candidate.packed.header.pattern)
    return fit


def _packed_columns(candidate: Format, folded: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The number and the position of each column that lines are packed into."""
    for place, name in enumerate(folded):
        if candidate.packed and (match := candidate.packed.header.fullmatch(name)):
            yield int(match[1]), place


def _recognised(format_: Format, fit: _Fit, header: Sequence[str]) -> Recognised:
    positions = dict(fit.positions)
    headers = {column: header[place].replace("\ufeff", "").strip() for column, place in positions.items()}
    packed = {f"packed_{number}": place for number, place in sorted(_packed_columns(format_, [*map(fold, header)]))}
    positions |= packed
    unused = tuple(name for place, name in enumerate(header) if place not in positions.values())
    return Recognised(format_, positions, headers, tuple(header), unused, tuple(packed))


def _shown(name: str) -> str:
    return "".join(character if character.isprintable() else " " for character in name[:40]).strip()
