"""What headers are called in English, German, French, Spanish, Italian and Dutch."""

import re
import unicodedata

NUMBER = "id|nr|no|num|numero|number|nummer|code|kode|ref|reference|referenz|referencia|kennung|key"
OF = "(?:d|de|du|des|di|del|della|dell|dello|van|of|la|le|l|el|il|the)*"
ORDER = (
    "order|invoice|receipt|ticket|bill|check|basket|purchase|transaction|transaktions?|trx|bestell|bestellungs?"
    "|auftrags?|rechnungs?|kassenbon|bon|beleg|kassenbeleg|quittungs?|vorgangs?|commande|facture|recu|pedido|factura"
    "|recibo|compra|ordine|fattura|scontrino|ricevuta|bestelling|bestel|factuur|kassabon|bonnetje"
)
SALE = "sales?|vente|venta|vendita|verkaufs?|kauf|einkaufs?|verkoop|buchungs?|created|creation"
GOODS = "product|produkt|produit|producto|prodotto|lineitem|item|article|artikel|articulo|articolo|ware"
PRODUCT = f"{GOODS}|waren|material|stock|variant|variante"
CUSTOMER = (
    "customer|client|cliente|kunden?|klant|klanten|buyer|kaufer|kaeufer|acheteur|comprador|acquirente|member|mitglieds?"
    "|user|account"
)
LINE = "line|row|zeilen?|positions?|ligne|linea|riga|regel"
TAX = "(?:eur|euro|usd|gbp|chf|ttc|ht|brutto|netto|gross|net|in|incl|inkl|excl|exkl|zzgl|iva|vat|mwst|ust|tva|tax|btw)*"
CLOCK = "time|uhrzeit|zeit|heure|hora|ora|orario|tijd|tijdstip"
DAY = (
    f"(?:date|datum|fecha|data)(?:(?:and|und|et|y|e|en)?(?:{CLOCK}))?|timestamp|zeitstempel|zeitpunkt|horodatage"
    "|(?:created|ordered|purchased|sold|placed)(?:at|on)"
)
TITLE = "name|title|titel|text|bezeichnung|beschreibung|description|desc|omschrijving|naam"

DATE, TIME = "date", "time"

PATTERNS: dict[str, tuple[str, ...]] = {
    "order_id": (
        f"(?:{ORDER}|{SALE})(?:{NUMBER})|(?:{NUMBER}|n){OF}(?:{ORDER}|{SALE})",
        ORDER,
    ),
    DATE: (f"(?:{ORDER}|{SALE})?(?:{DAY})|(?:{DAY}){OF}(?:{ORDER}|{SALE})", f"day|tag|jour|dia|giorno|dag|{CLOCK}"),
    TIME: (f"(?:{ORDER}|{SALE})?(?:{CLOCK})|(?:{CLOCK}){OF}(?:{ORDER}|{SALE})",),
    "product_id": (
        f"(?:{PRODUCT})?sku",
        f"(?:{PRODUCT}|art)(?:{NUMBER})|(?:{NUMBER}|codigo|codice|riferimento|n){OF}(?:{PRODUCT})",
        "plu|ean|gtin|upc|barcode|strichcode|asin|isbn",
        "ref|reference|referenz|referencia|riferimento|codigo|codice|code",
    ),
    "customer_id": (
        f"(?:{CUSTOMER})(?:{NUMBER})|(?:{NUMBER}|codigo|codice|n){OF}(?:{CUSTOMER})",
        CUSTOMER,
        f"(?:{CUSTOMER})?e?mail(?:address|adresse)?|correo(?:electronico)?|courriel",
        f"(?:{CUSTOMER})(?:name|naam)|(?:nom|nombre|nome){OF}(?:{CUSTOMER})|fullname",
    ),
    "quantity": (
        f"(?:{PRODUCT}|order|{LINE})?(?:quantity|qty|quant|menge|anzahl|quantite|qte|cantidad|cant|quantita|qta|aantal"
        "|hoeveelheid)(?:sold|ordered|purchased|vendue|vendida|venduta)?",
        "qt|units|unitssold|pieces|pcs|count|stuck|stueck|stuckzahl|stk|unites|unidades|uds|pezzi|pz|stuks",
    ),
    "unit_price": (
        f"(?:(?:unit|einzel|stuck|stueck|einheits|stuks?|eenheids)(?:price|preis|prijs)|priceperunit|priceeach|pu"
        f"|(?:prix|precio|prezzo)(?:unitaire|unitario|unit|unidad)){TAX}",
        f"(?:{PRODUCT}|{SALE}|selling|retail|list|vk|{LINE})?(?:price|preis|prijs|prix|precio|prezzo){TAX}"
        f"|(?:prix|precio|prezzo){OF}(?:{SALE}|{PRODUCT}){TAX}|pvp",
    ),
    "amount": (
        f"(?:{LINE}|{PRODUCT})(?:total|amount|sum|summe|betrag|bedrag|wert|totaal){TAX}"
        f"|(?:total|amount|montant|importe|importo|totale|subtotal){OF}(?:{LINE}){TAX}|extendedprice",
        "(?:total|amount|subtotal|totalamount|totalprice|sum|betrag|gesamt|gesamtbetrag|gesamtpreis|summe|umsatz|montant"
        "|montanttotal|prixtotal|importe|importetotal|preciototal|monto|importo|importototale|prezzototale|totale|bedrag"
        f"|totaal|totaalbedrag|totaalprijs|omzet|revenue|turnover|sales|netsales|ventes|ventas){TAX}",
    ),
    "discount": (
        f"(?:{PRODUCT}|{LINE})?(?:discount|rabatt|nachlass|remise|reduction|descuento|sconto|korting)s?"
        f"(?:amount|betrag|bedrag|wert)?{TAX}|(?:montant|importe|importo){OF}(?:remise|descuento|sconto)",
    ),
    "currency": ("(?:order)?(?:currency|wahrung|waehrung|devise|monnaie|moneda|divisa|valuta)(?:code)?",),
    "country": (
        f"(?:shipping|billing|delivery|ship|liefer|{CUSTOMER}|rechnungs)?(?:to)?"
        "(?:country|land|pays|pais|paese|nazione)(?:code|name)?",
    ),
    "store": (
        f"(?:store|shop|branch|filiale?|filialen|magasin|boutique|tienda|sucursal|negozio|winkel|filiaal)(?:{NUMBER}|name)?",
    ),
    "product_name": (
        f"(?:{PRODUCT})s?(?:{TITLE})|(?:nom|nombre|nome|naam|descripcion|descrizione|description|designation|libelle){OF}"
        f"(?:{PRODUCT})",
        "bezeichnung|beschreibung|description|desc|designation|libelle|descripcion|descrizione|omschrijving",
        f"(?:{GOODS})s?",
        "name|title|titel|nom|nombre|nome|naam",
    ),
}  # fmt: skip
"""Fields to what their headers are called, squeezed: the first pattern that any header matches as a whole decides."""

PERSONAL = re.compile(
    "mail|correo|courriel|phone|telefon|telefoon|mobile|handy|movil|cellulare|address|adresse?|direccion|indirizzo"
    "|stree?t|strasse|(?:first|last|sur|full|vor|nach)name|prenom|apellido|cognome|achternaam|voornaam|birth|geburt"
    f"|iban|postcode|postal|^(?:zip|plz)|(?:{CUSTOMER})(?:name|naam)|(?:nom|nombre|nome){OF}(?:{CUSTOMER})"
)
"""What columns are called that tell who a person is."""

COMES_BACK = re.compile(
    "ruckgabe|ruckerstattung|retoure?n?|storno|storniert|gutschrift|erstattung|returns?|returned|refund|refunded"
    "|cancelled|canceled|remboursement|rembourse|annulee?|annulation|avoir|devolucion|reembolso|anulado|reso|rimborso"
    "|annullato|geannuleerd|terugbetaling"
)
"""What a column says, squeezed, where a line comes back."""


def squeeze(text: str) -> str:
    """A text as words are looked for in it: small letters without accents and digits alone, nothing in brackets."""
    plain = unicodedata.normalize("NFKD", re.sub(r"\(.*?\)|\[.*?\]", "", text).casefold())
    return "".join(character for character in plain if character.isascii() and character.isalnum())
