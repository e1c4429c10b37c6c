"""The lineage graph as a readable text: ``python -m retail_pipeline_tests.assets.lineage`` writes it anew.

The committed text makes every change of the graph visible in a diff: an asset more or less, another upstream, another
group, a check that no longer blocks.
"""

import tempfile
from pathlib import Path

from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode

from retail_pipeline.definitions import build_defs
from retail_pipeline.home import Home

LINEAGE_FILE = Path(__file__).with_name("lineage.txt")
REGENERATE = "python -m retail_pipeline_tests.assets.lineage"


def current_lineage() -> str:
    """The graph of a home without settings of its own, an asset a paragraph."""
    with tempfile.TemporaryDirectory() as folder:
        graph = build_defs(Home(Path(folder))).resolve_asset_graph()
    return "\n".join(_paragraph(graph, graph.get(key)) for key in sorted(graph.get_all_asset_keys()))


def _paragraph(graph: AssetGraph, node: AssetNode) -> str:
    """An asset's key, group, kinds, upstream keys and checks."""
    checks = [graph.get_check_spec(key) for key in sorted(node.check_keys, key=lambda key: key.name)]
    lines = [
        node.key.to_user_string(),
        f"    group: {node.group_name}",
        f"    kinds: {', '.join(sorted(node.kinds))}",
        *(f"    from: {key.to_user_string()}" for key in sorted(node.parent_keys)),
        *(f"    check: {check.name}{', blocking' if check.blocking else ''}" for check in checks),
    ]
    return "\n".join(lines) + "\n"


def write_lineage() -> None:
    """Make the committed text the current one."""
    LINEAGE_FILE.write_text(current_lineage())


if __name__ == "__main__":
    write_lineage()
