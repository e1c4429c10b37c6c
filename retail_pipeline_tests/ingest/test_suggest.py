"""A mapping to start from: which header seems to hold what, and how values are written."""

import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retail_pipeline.ingest.formats.own import own_format
from retail_pipeline.ingest.formats.recognise import recognise
from retail_pipeline.ingest.formats.suggest import Sample, guess_columns, suggest_mapping
from retail_pipeline.ingest.formats.value_styles import dates_of, decimal_marks, is_number
from retail_pipeline.settings import OwnFormatSettings

NEEDED = ["Bon", "Artikel", "Menge", "Preis"]


def suggested(header: list[str], *rows: list[str], taken: tuple[str, ...] = (), name: str = "till") -> str:
    return suggest_mapping(Sample(header, rows), taken, name)


def settings_of(mapping: str) -> dict[str, Any]:
    (format_,) = tomllib.loads(mapping)["formats"]
    return dict(format_)


def mapping_of_column(name: str, *values: str) -> str:
    """The mapping for an export whose other columns are clear."""
    return suggested([*NEEDED, name], *(["1", "Becher", "2", "3", value] for value in values))


HEADERS = {
    "german": (
        "Belegnr.;Belegdatum;Uhrzeit;Artikel-Nr;Artikelbezeichnung;Stückzahl;Einzelpreis (€);Gesamtpreis;Kundennummer;"
        "Land;Währung;Rabatt",
        {
            "order_id": ["Belegnr."], "order_ts": ["Belegdatum", "Uhrzeit"], "product_id": ["Artikel-Nr"],
            "product_name": ["Artikelbezeichnung"], "quantity": ["Stückzahl"], "unit_price": ["Einzelpreis (€)"],
            "customer_id": ["Kundennummer"], "country": ["Land"], "currency": ["Währung"], "discount": ["Rabatt"],
        },
    ),
    "french": (
        "N° de facture;Date de la facture;Heure;Réf. article;Libellé;Qté;Montant HT;Client;Pays;Devise;Remise",
        {
            "order_id": ["N° de facture"], "order_ts": ["Date de la facture", "Heure"], "product_id": ["Réf. article"],
            "product_name": ["Libellé"], "quantity": ["Qté"], "amount": ["Montant HT"], "customer_id": ["Client"],
            "country": ["Pays"], "currency": ["Devise"], "discount": ["Remise"],
        },
    ),
    "spanish": (
        "Nº pedido;Fecha;Hora;Código artículo;Descripción;Cantidad;Precio unitario;Cliente;País;Moneda;Descuento;"
        "Tienda",
        {
            "order_id": ["Tienda", "Nº pedido"], "order_ts": ["Fecha", "Hora"], "product_id": ["Código artículo"],
            "product_name": ["Descripción"], "quantity": ["Cantidad"], "unit_price": ["Precio unitario"],
            "customer_id": ["Cliente"], "country": ["País"], "currency": ["Moneda"], "discount": ["Descuento"],
            "store": ["Tienda"],
        },
    ),
    "italian": (
        "Numero ordine;Data ordine;Ora;Codice prodotto;Nome prodotto;Quantità;Importo;Codice cliente;Paese;Valuta;"
        "Sconto",
        {
            "order_id": ["Numero ordine"], "order_ts": ["Data ordine", "Ora"], "product_id": ["Codice prodotto"],
            "product_name": ["Nome prodotto"], "quantity": ["Quantità"], "amount": ["Importo"],
            "customer_id": ["Codice cliente"], "country": ["Paese"], "currency": ["Valuta"], "discount": ["Sconto"],
        },
    ),
    "dutch": (
        "Bestelnummer;Datum;Tijd;Artikelnummer;Omschrijving;Aantal;Stukprijs;Klantnummer;Land;Valuta;Korting",
        {
            "order_id": ["Bestelnummer"], "order_ts": ["Datum", "Tijd"], "product_id": ["Artikelnummer"],
            "product_name": ["Omschrijving"], "quantity": ["Aantal"], "unit_price": ["Stukprijs"],
            "customer_id": ["Klantnummer"], "country": ["Land"], "currency": ["Valuta"], "discount": ["Korting"],
        },
    ),
    "english": (
        "\ufeffOrder ID;Created At;Variant SKU;Product Name;Qty Sold;Sale Price;Line Total;Customer E-Mail;"
        "Ship-to Country;Currency Code;Line Discount",
        {
            "order_id": ["\ufeffOrder ID"], "order_ts": ["Created At"], "product_id": ["Variant SKU"],
            "product_name": ["Product Name"], "quantity": ["Qty Sold"], "unit_price": ["Sale Price"],
            "customer_id": ["Customer E-Mail"], "country": ["Ship-to Country"], "currency": ["Currency Code"],
            "discount": ["Line Discount"],
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize(("header", "expected"), HEADERS.values(), ids=HEADERS)
def test_headers_of_six_languages_are_understood(header: str, expected: dict[str, list[str]]) -> None:
    guess = guess_columns(Sample(header.split(";"), []))
    assert guess.columns == expected
    assert guess.lacking == []


def test_what_stands_below_a_header_decides_where_its_name_is_not_enough() -> None:
    header = ["Order", "Date", "Time", "Item", "Price", "Amount"]
    sample = Sample(header, [["1", "soon", "2024-05-31 17:45", "Cup", "cheap", "3.50"]])
    guess = guess_columns(sample)
    assert guess.columns["order_ts"] == ["Time"]
    assert "unit_price" not in guess.columns
    assert guess.columns["amount"] == ["Amount"]
    assert guess.lacking == ["quantity"]


def test_a_date_that_has_a_time_needs_no_column_of_times() -> None:
    header = ["Bon", "Datum", "Uhrzeit", "Artikel", "Menge", "Preis"]
    guess = guess_columns(Sample(header, [["1", "31.12.2023 8:26", "8:26", "Becher", "1", "2"]]))
    assert guess.columns["order_ts"] == ["Datum"]


def test_a_column_that_is_there_twice_and_a_discount_in_percent_are_left_out() -> None:
    guess = guess_columns(Sample(["Qty", "QTY", "Discount %", "Rabatt"], [["1", "1", "5", "5 %"]]))
    assert guess.columns == {}


def test_what_was_not_guessed_has_a_question_mark_and_a_reason() -> None:
    mapping = suggested(["what", "is", "this"], ["1", "2", "3"])
    assert settings_of(mapping) == {"name": "till", "columns": {}}
    for field in ("order_id", "order_ts", "product_id", "quantity", "unit_price"):
        assert f'\n# ? {field} = "..."  ' in mapping
    assert '# not used: "what", "is", "this"' in mapping


def test_a_total_and_a_discount_are_to_be_checked() -> None:
    mapping = suggested(["Bon", "Summe", "Rabatt"])
    assert "amount = \"Summe\"  # ? the line's total, not the order's?" in mapping
    assert 'discount = "Rabatt"  # ? the line\'s, as money?' in mapping


DATES = {
    "german": (["01.12.2023 8:26", "31.12.2023 18:05"], ["%d.%m.%Y %H:%M"]),
    "american": (["12/01/23 8:26:10 AM", "12/31/23 1:05:00 PM"], ["%m/%d/%y %I:%M:%S %p"]),
    "the year first": (["2023/12/01", "2023/12/02"], ["%Y/%m/%d"]),
    "months' names": (["31 May 2024, 17:45", "1 June 2024, 8:00"], ["%d %B %Y, %H:%M"]),
    "short names": (["31 May 2024", "1 Jan 2025"], ["%d %b %Y"]),
    "short names and long ones": (["31 May 2024", "1 Jan 2025", "1 June 2025"], None),
    "iso": (["2024-05-31", "2024-05-31T17:45:00"], None),
}


@pytest.mark.parametrize(("values", "expected"), DATES.values(), ids=DATES)
def test_dates_are_guessed_from_their_values(values: list[str], expected: list[str] | None) -> None:
    mapping = mapping_of_column("Datum", *values)
    assert settings_of(mapping).get("dates") == expected
    assert "check the order" not in mapping


def test_where_no_value_tells_day_from_month_that_is_said() -> None:
    mapping = mapping_of_column("Datum", "03/02/2024", "04/02/2024")
    assert settings_of(mapping)["dates"] == ["%d/%m/%Y"]
    assert '# ? check the order of day (%d) and month (%m): "03/02/2024" does not tell it\ndates' in mapping
    assert dates_of(["03/02/2024 8:00 PM"]).patterns == ("%m/%d/%Y %I:%M %p",)


@pytest.mark.parametrize(
    ("values", "strange"),
    [
        (["31.12.2023", "Montag"], "Montag"),
        (["31.12.2023", "12.31.2023"], "31.12.2023"),
        (["2024-05-31", "31.05.2024"], "31.05.2024"),
    ],
)
def test_dates_that_do_not_agree_are_not_guessed(values: list[str], strange: str) -> None:
    mapping = mapping_of_column("Datum", *values)
    assert "dates" not in settings_of(mapping)
    assert f'not all dates are written alike: "{strange}"' in mapping


def test_dates_with_offsets_and_columns_without_any_ask_for_what_they_lack() -> None:
    assert "# ? times have an offset from UTC" in mapping_of_column("Datum", "2024-05-31T17:45:00+02:00")
    assert "# ? dates = []  say how dates are written" in mapping_of_column("Datum", "")


@pytest.mark.parametrize(
    ("values", "marks"),
    [
        (["1.234,50", "3"], {","}),
        (["1,234.50"], {"."}),
        (["€ 4,9"], {","}),
        (["1.234.567"], {","}),
        (["0,375", "12345,678"], {","}),
        (["1.234"], {"?"}),
        (["4,90", "4.90"], {",", "."}),
        (["12", "-3"], set()),
    ],
)
def test_the_mark_before_fractions_is_told_by_values(values: list[str], marks: set[str]) -> None:
    assert decimal_marks(values) == marks


def test_a_mark_is_guessed_only_where_all_values_agree() -> None:
    rows = [["1", "Becher", "2", price] for price in ("3,50", "1.200,00", "1.200")]
    assert settings_of(suggested(NEEDED, *rows))["decimal"] == ","
    assert settings_of(suggested(NEEDED, ["1", "Becher", "2", "3.50"]))["decimal"] == "."
    doubtful = suggested(NEEDED, *rows, ["1", "Becher", "2", "3.50"])
    assert "decimal" not in settings_of(doubtful)
    assert "some fractions have a comma before them and some a point" in doubtful
    assert '# ? decimal = ","  is "1.200" above a thousand' in suggested(NEEDED, rows[2])
    assert "decimal" not in suggested(NEEDED, ["1", "Becher", "2", "3"])


@pytest.mark.parametrize("text", ["3", "-3.5", "€ 1.234,50", "4,90 €", "EUR 5", "(3.00)", "1'000.50", "3-", "$-9.00"])
def test_money_is_a_number(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize("text", ["", "abc", "A12", "12 Stück", "2024-05-31"])
def test_other_texts_are_none(text: str) -> None:
    assert not is_number(text)


def test_a_column_that_marks_returns_is_found_where_quantities_have_no_sign() -> None:
    header = [*NEEDED, "Art"]
    rows = [["1", "Becher", "2", "3", kind] for kind in ("Verkauf", "Retoure", "Storno")]
    assert settings_of(suggested(header, *rows))["returns"] == {"Art": ["Retoure", "Storno"]}
    assert "returns" not in suggested(header, *rows, ["1", "Becher", "-2", "3", "Retoure"])


def test_who_a_person_is_is_marked_as_such() -> None:
    header = [*NEEDED, "Kunde", "Telefon", "E-Mail"]
    mapping = settings_of(suggested(header, ["1", "Becher", "2", "3", "Jane Example", "030 123", "jane@x.example"]))
    assert OwnFormatSettings(**mapping).personal_ids
    assert mapping["personal_columns"] == ["Kunde", "Telefon", "E-Mail"]
    mapping = settings_of(suggested(header, ["1", "Becher", "2", "3", "K-17", "030 123", "jane@x.example"]))
    assert "personal_ids" not in mapping
    assert mapping["personal_columns"] == ["Telefon", "E-Mail"]


def test_blanks_in_headers_do_not_unmask_anybody() -> None:
    header = [*NEEDED, "Customer  Name ", "Datum"]
    given = OwnFormatSettings(**settings_of(suggested(header, ["1", "Becher", "2", "3", "Jane Example", "2024-05-31"])))
    recognised = recognise(header, [own_format(given)], "till.csv")
    assert recognised.personal_positions == (4,)


@pytest.mark.parametrize(
    ("file_name", "name"),
    [("Kasse März-2024", "kasse_marz_2024"), ("2024", "export_2024"), ("!", "export"), ("a", "a_2")],
)
def test_a_format_is_called_after_its_file(file_name: str, name: str) -> None:
    assert settings_of(suggested(NEEDED, taken=("a",), name=file_name))["name"] == name


texts = st.one_of(
    st.text(max_size=12),
    st.sampled_from([*NEEDED, "Datum", "Summe", "Art", "Kunde", "Jane Example", "31.12.2023", "1.234,5", "Retoure"]),
)


@settings(deadline=None)
@given(header=st.lists(texts, min_size=1, max_size=8), rows=st.lists(st.lists(texts, max_size=8), max_size=5))
def test_every_mapping_is_valid_and_a_whole_one_is_a_format(header: list[str], rows: list[list[str]]) -> None:
    sample = Sample(header, rows)
    mapping = OwnFormatSettings(**settings_of(suggest_mapping(sample, ["till"], "".join(header))))
    if not guess_columns(sample).lacking:
        own_format(mapping)
