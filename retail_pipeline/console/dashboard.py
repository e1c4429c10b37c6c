"""``retail dashboard``: the Streamlit app on a home, served to this machine alone unless another address is named."""

import sys
from pathlib import Path

from retail_pipeline.dashboard import palette

APP = Path(palette.__file__).with_name("app.py")
LOOK = {
    "theme.base": "dark",
    "theme.primaryColor": palette.ACCENT,
    "theme.backgroundColor": palette.BACKGROUND,
    "theme.secondaryBackgroundColor": palette.SURFACE,
    "theme.textColor": palette.TEXT,
    "theme.linkColor": palette.ACCENT,
    "theme.borderColor": "#4a4a4a",
    "theme.showWidgetBorder": "true",
    "theme.headingFontSizes": "['1.9rem', '1.5rem', '1.3rem', '1.1rem', '1rem', '0.9rem']",
    "theme.metricValueFontSize": "1.3rem",
    "theme.paddingTop": "1rem",
}
"""The theme; given as options, it holds wherever the command is started, over any ``.streamlit/config.toml``."""
SERVER = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.runOnSave": "false",
    "server.showEmailPrompt": "false",
    "server.maxUploadSize": "20",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "viewer",
    "client.showErrorDetails": "none",
    "global.developmentMode": "false",
    "logger.level": "error",
}


def dashboard_command(host: str, port: int) -> list[str]:
    """The command that serves the dashboard on an address."""
    options = {**LOOK, **SERVER, "server.address": host, "server.port": str(port), "browser.serverAddress": host}
    return [sys.executable, "-m", "streamlit", "run", str(APP), *(f"--{key}={value}" for key, value in options.items())]
