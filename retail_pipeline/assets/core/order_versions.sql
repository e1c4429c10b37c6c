/*
row: an order of a replacing format, as a drop told it
about: >
  Nightly exports overlap and orders change. Of the versions of an order that came with exports of one format (see
  same_order in raw.formats) the one in the drop whose data reach furthest stands, by its last line, then by the time it
  was loaded; the others stay in raw and count nowhere.
key: [order_id, drop_id]
incremental:
  key: order_id
  sources:
    raw.transactions: order_id
    raw.formats: ~
columns:
  order_id: the order's id
  drop_id: the drop the version came with
  format: the export format
  lines: lines of the version [lines]
  stands: whether this version counts
  superseded_by: the drop whose version counts instead, null if this one does
*/
with replacing as (
    select drops.drop_id, drops.format, drops.last_order_ts, drops.loaded_at, drops.file_name
    from raw.drops as drops
    join raw.formats as formats on drops.format = formats.format
    where formats.same_order = 'replace'
),

versions as (
    select lines.order_id, lines.drop_id, count(*) as lines
    from raw.transactions as lines
    join replacing on lines.drop_id = replacing.drop_id
    group by lines.order_id, lines.drop_id
),

ranked as (
    select
        versions.order_id,
        versions.drop_id,
        replacing.format,
        versions.lines,
        row_number() over newest_first as place,
        first_value(versions.drop_id) over newest_first as standing
    from versions
    join replacing on versions.drop_id = replacing.drop_id
    window newest_first as (
        partition by versions.order_id, replacing.format
        order by
            replacing.last_order_ts desc, replacing.loaded_at desc, replacing.file_name desc, versions.drop_id desc
    )
)

select
    order_id,
    drop_id,
    format,
    lines,
    place = 1 as stands,
    case when place > 1 then standing end as superseded_by
from ranked
