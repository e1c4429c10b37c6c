"""All formats of a home: those that come with the pipeline, and its own."""

from retail_pipeline.errors import SettingsError
from retail_pipeline.ingest.formats import FORMATS, Format
from retail_pipeline.ingest.formats.own import own_format
from retail_pipeline.settings import OwnFormatSettings, Settings


def known_formats(settings: Settings) -> tuple[Format, ...]:
    """The formats that exports are recognised by.

    Raises
    ------
    SettingsError
        when one of the home's own formats is incomplete, or called like another one.
    """
    return (*FORMATS, *_own_formats(settings.formats))


def _own_formats(given: tuple[OwnFormatSettings, ...]) -> tuple[Format, ...]:
    names = [format_.name for format_ in FORMATS]
    for each in given:
        if each.name in names:
            raise SettingsError(f"retail.toml: there are two formats called {each.name!r}; give yours another name.")
        names.append(each.name)
    return tuple(own_format(each) for each in given)
