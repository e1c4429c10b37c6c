"""The page docs/settings.md, made from the settings themselves: ``python -m retail_pipeline_tests.settings_page``."""

from pathlib import Path

from pydantic.fields import FieldInfo

from retail_pipeline.settings import OWN_FORMATS, OwnFormatSettings, Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
INTRODUCTION = """\
# Settings

In `retail.toml` in the home, or in the environment as `RETAIL_<SECTION>__<KEY>` (which wins);
lists in the environment are JSON. A wrong key or value is an error that names it and what is allowed.
"""


def default(field: FieldInfo) -> str:
    """What a setting is where nothing is given."""
    if field.is_required():
        return "needed"
    return "not set" if field.default in (None, (), {}) else f"`{field.default}`"


def settings_page() -> str:
    """The page as Markdown: a section each, a row a setting with its default and meaning."""
    parts = [INTRODUCTION]
    for name, section in Settings.model_fields.items():
        model = OwnFormatSettings if name == OWN_FORMATS else section.annotation
        assert model is not None
        rows = "".join(
            f"| `{key}` | {default(field)} | {field.description} |\n"
            for key, field in model.model_fields.items()  # type: ignore[attr-defined]
        )
        title = f"[[{name}]]" if name == OWN_FORMATS else f"[{name}]"
        parts.append(f"## {title}\n\n{model.__doc__}\n\n| key | default | meaning |\n|---|---|---|\n{rows}")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(settings_page())
