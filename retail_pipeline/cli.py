"""The ``retail`` command. Exit codes: 0 done or nothing to do, 1 failed, 2 asked wrongly."""

import os
import signal
import socket
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

import click
from rich.console import Console

from retail_pipeline import __version__
from retail_pipeline.errors import RetailPipelineError, SelectionError, SettingsError
from retail_pipeline.home import HOME_VARIABLE, Home

PIPED_WIDTH = 200
console = Console(soft_wrap=True, width=None if sys.stdout.isatty() else PIPED_WIDTH)
errors = Console(stderr=True, soft_wrap=True)


class _Commands(click.Group):
    """A group that keeps the order of its commands and shows errors as one readable paragraph."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        from retail_pipeline.console.query import QueryError

        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever read what is printed has seen enough, as 'head' has
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)
        except (RetailPipelineError, OSError) as error:
            if ctx.params.get("debug"):
                traceback.print_exc()
            errors.print(f"Error: {error}", style="red", markup=False, highlight=False)
            asked_wrongly = isinstance(error, (SettingsError, SelectionError, QueryError))
            sys.exit(2 if asked_wrongly else 1)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="retail")
@click.option("--home", type=click.Path(), help="The store's folder [default: RETAIL_HOME, else data/].")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
@click.pass_context
def main(context: click.Context, home: str | None, debug: bool) -> None:
    """Retail analytics from dropped export files to published DuckDB tables."""
    context.obj = Home.locate(home)


@main.command()
@click.pass_obj
def demo(home: Home) -> None:
    """Simulate a store in its own home, run everything, print what to look at."""
    from retail_pipeline.console.demo import run_demo

    sys.exit(run_demo(Home(home.root / "demo"), console))


@main.command()
@click.option("--select", help="Only these: tables (core.orders,core.products) or a Dagster selection (group:core).")
@click.option("--reload", multiple=True, metavar="NAME", help="Load a file in drops/ again; may be repeated.")
@click.option("--full", is_flag=True, help="Build every table as a whole, changed or not.")
@click.pass_obj
def run(home: Home, select: str | None, reload: tuple[str, ...], full: bool) -> None:
    """Load new drops, build and check every table, publish the snapshot."""
    from retail_pipeline.console.run import run_pipeline

    sys.exit(run_pipeline(home, console, select=select, reload=reload, full=full))


@main.command()
@click.pass_obj
def train(home: Home) -> None:
    """Do as 'run' does, and search, fit and crown all models anew."""
    from retail_pipeline.console.run import run_pipeline

    sys.exit(run_pipeline(home, console, training=True))


@main.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--format", "format_name", help="The format the files must be of.")
@click.option("--explain", is_flag=True, help="Show how the files would be read, and add nothing.")
@click.pass_obj
def add(home: Home, files: tuple[Path, ...], format_name: str | None, explain: bool) -> None:
    """Check files, say what they are, and put them into drops/."""
    from retail_pipeline.console.add import add_files

    sys.exit(add_files(home, console, errors, files, format_name, only_explain=explain))


@main.group(invoke_without_command=True)
@click.pass_context
def drops(context: click.Context) -> None:
    """List the loaded files; 'drops remove NAME' takes out what one brought."""
    if context.invoked_subcommand is None:
        from retail_pipeline.console.drops import print_drops

        print_drops(context.obj, console)


@drops.command("remove")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.pass_obj
def remove_drops(home: Home, names: tuple[str, ...]) -> None:
    """Take loaded files out again, and publish: their lines go, orders that they replaced stand again."""
    from retail_pipeline.console.run import run_pipeline

    sys.exit(run_pipeline(home, console, remove=names))


@main.command()
@click.argument("customer")
@click.pass_obj
def forget(home: Home, customer: str) -> None:
    """Take a customer's identity out of everything that is kept; totals stay.

    CUSTOMER is their id as the store exports it (an e-mail address, a name), or as it stands in the tables.
    """
    from retail_pipeline.console.forget import forget as forget_customer

    sys.exit(forget_customer(home, console, customer))


@main.command()
@click.argument("name", type=click.Choice(["online-retail"]))
@click.option("--from", "url", metavar="URL", help="A mirror: the file itself, or a zip archive with it.")
@click.pass_obj
def fetch(home: Home, name: str, url: str | None) -> None:
    """Download a well-known public data set, check it, and put it into drops/."""
    from retail_pipeline.console.fetch import DATA_SETS, fetch_data_set

    fetch_data_set(home, console, DATA_SETS[name], url)


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=3000, show_default=True, help="The port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.pass_obj
def ui(home: Home, port: int, host: str) -> None:
    """Open the Dagster UI on this home, with the nightly schedule and the sensor for new drops on."""
    from retail_pipeline.console.dagster_home import prepare_dagster_home
    from retail_pipeline.settings import load_settings

    load_settings(home)
    _require_free_port(host, port)
    workspace = prepare_dagster_home(home)
    text = f"Dagster UI of {home.root} on http://{host}:{port} (Ctrl-C ends it)"
    console.print(text, markup=False, highlight=False)
    _become([sys.executable, "-m", "dagster", "dev", "-w", str(workspace), "-p", str(port), "-h", host])


@main.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, help="The port to listen on.")
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.pass_obj
def dashboard(home: Home, port: int, host: str) -> None:
    """Open the dashboard on this home's snapshot; it may stay open while runs publish new ones."""
    from retail_pipeline.console.dashboard import dashboard_command
    from retail_pipeline.settings import load_settings

    load_settings(home)
    _require_free_port(host, port)
    text = f"Dashboard of {home.root} on http://{host}:{port} (Ctrl-C ends it)"
    console.print(text, markup=False, highlight=False)
    os.environ[HOME_VARIABLE] = str(home.root)
    _become(dashboard_command(host, port))


def _become(command: list[str]) -> NoReturn:
    """Go on as another program, in the same process."""
    os.environ["PYTHONSAFEPATH"] = "1"  # a stray gql.py or streamlit.py in the current folder must not be imported
    sys.stdout.flush()
    for number in (signal.SIGINT, signal.SIGTERM):  # a shell may have had them ignored for a background job
        signal.signal(number, signal.SIG_DFL)
    os.execv(sys.executable, command)


def _require_free_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(
                f"{host}:{port} cannot be listened on ({error.strerror}). Choose another --port."
            ) from error


@main.command()
@click.argument("query")
@click.option("--csv", "style", flag_value="csv", help="Print all rows as csv.")
@click.option("--json", "style", flag_value="json", help="Print all rows as JSON, one object a line.")
@click.pass_obj
def sql(home: Home, query: str, style: str | None) -> None:
    """Query the snapshot: read-only, and without access to files."""
    from retail_pipeline.console.query import run_query

    run_query(home, console, query, style or "table")


@main.command()
@click.pass_obj
def status(home: Home) -> None:
    """Show drops, the snapshot's age, failing checks and the last runs."""
    from retail_pipeline.console.status import print_status
    from retail_pipeline.settings import load_settings

    load_settings(home)
    print_status(home, console)


@main.command()
@click.option(
    "--period", metavar="PERIOD", help="2011-11-30, 2011-W48, 2011-11 or 2011-Q4 [default: the last whole month]."
)
@click.option("--text", is_flag=True, help="Print the report as Markdown instead of writing a page.")
@click.pass_obj
def report(home: Home, period: str | None, text: bool) -> None:
    """Write a period's report, one printable HTML page, into reports/ in the home."""
    from retail_pipeline.console.report import print_report

    print_report(home, console, period, text=text)


@main.command()
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--format", "kind", type=click.Choice(["csv", "parquet", "xlsx"]), default="csv", show_default=True)
@click.option("--table", "tables", multiple=True, metavar="SCHEMA.TABLE", help="Only this table; may be repeated.")
@click.option("--segment", metavar="NAME", help="Only the customers of this RFM segment, with what to do about them.")
@click.pass_obj
def export(home: Home, folder: Path | None, kind: str, tables: tuple[str, ...], segment: str | None) -> None:
    """Write tables as files: all but raw and meta, or those named [default folder: exports/ in the home].

    With all tables come the four csv files that retail analyses usually end in (rfm_analysis, customer_segments,
    product_associations, sales_forecast) and a summary of the project, one printable page.
    """
    from retail_pipeline.console.export import export_classic_files, export_segment, export_summary, export_tables

    if segment is not None:
        if tables:
            raise click.UsageError("--segment writes a list of its own: leave --table out.")
        path, rows = export_segment(home, folder or home.exports, kind, segment)
        console.print(f"{path}  {rows:,} customers", markup=False, highlight=False)
        return
    written = export_tables(home, folder or home.exports, kind, tables)
    if not tables:
        written += export_classic_files(home, folder or home.exports)
    for path, rows in written:
        console.print(f"{path}  {rows:,} rows", markup=False, highlight=False)
    if not tables:
        console.print(f"{export_summary(home, folder or home.exports)}  one page", markup=False, highlight=False)


SIMULATE_HELP = """Write a synthetic shop as export files, and the truth behind it into truth/ beside them.

What was simulated in the folder before is removed first; other files are left alone.

\b
Presets:
  demo     a shop for the home: 10,000 customers, some 185,000 sales over two years
  small    the same with 500 customers
  grocer   few customers with large baskets, every week
  fashion  seasons, sales, and a fifth of all lines sent back
  large    the demo shop with 5,220,000 customers: 100 million lines
Test grounds:
  btyd     one stationary BG/NBD population with gamma-gamma orders, nothing else
  baskets  independent products and planted bundles, nothing else
  calm     the demo shop without events and dirt
  events   the demo shop without dirt, with its events

\b
Examples:
  retail simulate shop
  retail simulate shop --preset grocer --customers 300 --format square --per week
  retail simulate shop --set dirt.guests=0.2 --set tiers.premium.alpha=40
"""


@main.command(help=SIMULATE_HELP)
@click.argument("folder", required=False, type=click.Path(file_okay=False, path_type=Path))
@click.option("--preset", default="demo", show_default=True, help="The shop to start from, one of those above.")
@click.option("--customers", type=int, help="Customers of the shop.")
@click.option("--start", type=click.DateTime(["%Y-%m-%d"]), help="First day of trade.")
@click.option("--end", type=click.DateTime(["%Y-%m-%d"]), help="Last day of trade.")
@click.option("--seed", type=int, help="Another seed makes another shop.")
@click.option(
    "--set", "settings", multiple=True, metavar="NAME=VALUE", help="Any parameter, named and written as --show does."
)
@click.option("--format", "format_", default="canonical", show_default=True, help="A format of the README's table.")
@click.option(
    "--kind", type=click.Choice(["csv", "parquet"]), default="csv", show_default=True, help="Text or parquet files."
)
@click.option(
    "--per",
    type=click.Choice(["day", "week", "month", "all"]),
    default="month",
    show_default=True,
    help="What a file holds the lines of.",
)
@click.option("--show", is_flag=True, help="Print every parameter with its value and meaning; write nothing.")
def simulate(folder: Path | None, **given: Any) -> None:
    """Write a synthetic shop as export files."""
    from retail_pipeline.console.simulate import simulate_into, simulated_shop

    shop = simulated_shop(**{name: given[name] for name in ("preset", "customers", "start", "end", "seed", "settings")})
    if given["show"]:
        from retail_pipeline.console.simulate import show_parameters

        show_parameters(shop, console)
    elif folder is None:
        raise click.UsageError("Missing argument 'FOLDER': where to write the shop's files.")
    else:
        simulate_into(folder, console, shop, format=given["format_"], kind=given["kind"], per=given["per"])


if __name__ == "__main__":
    main()
