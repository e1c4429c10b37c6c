"""The page docs/settings.md, made from the settings themselves: ``python -m retail_pipeline_tests.settings_page``."""

from pathlib import Path

from retail_pipeline.settings import Settings

PAGE = Path(__file__).resolve().parents[1] / "docs" / "settings.md"
INTRODUCTION = """\
# Settings

In `retail.toml` in the home, or in the environment as `RETAIL_<SECTION>__<KEY>` (which wins);
lists in the environment are JSON. A wrong key or value is an error that names it and what is allowed.
"""


def settings_page() -> str:
    """The page as Markdown: a section each, a row a setting with its default and meaning."""
    parts = [INTRODUCTION]
    for name, section in Settings.model_fields.items():
        model = section.annotation
        assert model is not None
        rows = "".join(
            f"| `{key}` | {'not set' if field.default is None else f'`{field.default}`'} | {field.description} |\n"
            for key, field in model.model_fields.items()  # type: ignore[attr-defined]
        )
        parts.append(f"## [{name}]\n\n{model.__doc__}\n\n| key | default | meaning |\n|---|---|---|\n{rows}")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(settings_page())
