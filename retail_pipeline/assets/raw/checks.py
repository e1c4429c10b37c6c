"""Checks on what was loaded: nothing lost, nothing doubled, not too much rejected."""

from retail_pipeline.assets.table_checks import Finding, TableCheck, no_rows, unique_key
from retail_pipeline.warehouse.warehouse import Warehouse

RELOAD = "Load the file again with 'retail run --reload NAME'."


def find_high_rejected_share(warehouse: Warehouse) -> Finding:
    """Warn, and above a higher share fail, when many rows of a drop were rejected."""
    quality = warehouse.settings.quality
    worst = warehouse.row(
        "select file_name, rows_rejected, rows_read, rows_rejected / rows_read as share from raw.drops "
        "where rows_read > 0 order by share desc, file_name limit 1"
    )
    if worst is None or worst[3] <= min(quality.rejected_share_warn, quality.rejected_share_fail):
        return Finding(True, "no drop has more rejected rows than quality.rejected_share_warn allows")
    name, rejected, read, share = worst
    text = f"{name}: {rejected:,} of {read:,} rows rejected ({share:.1%}); raw.rejected_rows says why."
    if share <= quality.rejected_share_fail:
        return Finding(False, text, severity="WARN")
    return Finding(
        False,
        f"{text} Mend the file and load it again with 'retail run --reload {name}', or raise "
        "quality.rejected_share_fail.",
    )


def find_name_with_several_contents(warehouse: Warehouse) -> Finding:
    """Warn when files of one name came with different contents: a mended file may count twice."""
    doubled = warehouse.row(
        "select file_name, count(*) from raw.drops group by file_name having count(*) > 1 order by 2 desc, 1 limit 1"
    )
    if doubled is None:
        return Finding(True, "every file name stands for one drop")
    name, drops = doubled
    return Finding(
        False,
        f"{name} was loaded {drops} times with different contents, and all of them count. If it was mended and holds "
        f"no further lines, replace what it brought before: 'retail run --reload {name}'.",
        severity="WARN",
    )


CHECKS: list[TableCheck] = [
    TableCheck(
        "raw.drops",
        "one_content_a_name",
        "no two loaded files had the same name and different contents",
        find_name_with_several_contents,
        blocking=False,
    ),
    no_rows(
        "raw.drops",
        "rows_reconcile",
        "rows read = rows loaded + rows rejected, and both are there, for every drop",
        """
        select
            drops.file_name,
            drops.rows_read,
            coalesce(loaded.rows, 0) as loaded,
            coalesce(rejected.rows, 0) as rejected
        from raw.drops
        left join (
            select drop_id, count(*) as rows
            from (select drop_id from raw.transactions union all select drop_id from raw.currency_rates)
            group by drop_id
        ) as loaded using (drop_id)
        left join (select drop_id, count(*) as rows from raw.rejected_rows group by 1) as rejected using (drop_id)
        where drops.rows_loaded <> coalesce(loaded.rows, 0)
            or drops.rows_rejected <> coalesce(rejected.rows, 0)
            or drops.rows_read <> drops.rows_loaded + drops.rows_rejected
        """,
        remedy=RELOAD,
    ),
    unique_key("raw.drops", "drop_id"),
    TableCheck(
        "raw.drops",
        "rejected_share",
        "no drop has more rejected rows than quality.rejected_share_warn and quality.rejected_share_fail allow",
        find_high_rejected_share,
    ),
    no_rows(
        "raw.transactions",
        "rows_are_of_one_drop",
        "every line belongs to a drop of the ledger and stands there once",
        """
        select drop_id, source_row, source_part, count(*) as rows
        from raw.transactions
        group by drop_id, source_row, source_part
        having count(*) > 1
        union all
        select lines.drop_id, null, null, count(*)
        from raw.transactions as lines
        anti join raw.drops using (drop_id)
        group by lines.drop_id
        """,
        remedy=RELOAD,
    ),
    no_rows(
        "raw.rejected_rows",
        "rows_are_of_a_drop",
        "every rejected line belongs to a drop of the ledger",
        "select drop_id, count(*) as rows from raw.rejected_rows anti join raw.drops using (drop_id) group by drop_id",
        remedy=RELOAD,
    ),
    no_rows(
        "raw.skipped_sheets",
        "every_sheet_was_read",
        "no sheet of a loaded workbook was left out",
        "select file_name, sheet, rows from raw.skipped_sheets join raw.drops using (drop_id)",
        remedy="Give the sheet the header of the others, or take it out, and load the file again with "
        "'retail run --reload NAME'. raw.skipped_sheets says what its header lacks.",
        blocking=False,
    ),
    no_rows(
        "raw.refused_files",
        "every_file_is_readable",
        "no file in drops/ was refused",
        "select file_name from raw.refused_files",
        remedy="raw.refused_files says why. Mend or remove the files.",
        blocking=False,
    ),
]
