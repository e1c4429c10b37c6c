"""The words product names are made of, by kind of shop and category."""

from itertools import product as combinations

Words = tuple[list[str], str, str]
"""Names that csv must survive, makes, things."""

_HOME: dict[str, Words] = {
    "kitchen": (
        ["Café au lait jug"],
        "Oak|Walnut|Enamel|Stoneware|Slate",
        "serving board|fruit bowl|utensil jar|butter dish|cake stand|spice rack|bread bin|colander",
    ),
    "tableware": (
        ["Plates, set of 4"],
        "Speckled|Fluted|Scalloped|Harbour blue|Rustic",
        "dinner plate|espresso cup|soup bowl|milk jug|egg cup|side plate|teapot|tumbler",
    ),
    "textiles": (
        ['Tablecloth "Provence", large'],
        "Linen|Striped|Quilted|Herringbone|Indigo",
        "table runner|cushion cover|tea towel|throw|apron|napkin|bath mat|door curtain",
    ),
    "lighting": (
        ["Fairy lights, 10 m"],
        "Brass|Rattan|Smoked glass|Paper|Ceramic",
        "table lamp|pendant shade|lantern|wall light|candle holder|floor lamp|night light|torch",
    ),
    "garden": (
        ["Gardener's twine, green"],
        "Terracotta|Zinc|Woven|Galvanised|Cedar",
        "planter|bird feeder|hanging basket|herb trough|plant stand|watering can|trug|bird bath",
    ),
    "stationery": (
        ['Picture frame 8" x 10"'],
        "Marbled|Kraft|Botanical|Gilt-edged|Pocket",
        "notebook|card set|desk planner|gift box|photo album|pen tray|letter rack|wrapping paper",
    ),
    "bath": (
        ["Rosé and bergamot soap"],
        "Lavender|Cedarwood|Sea salt|Rosemary|Oatmeal",
        "soap bar|bath soak|hand cream|body scrub|reed diffuser|shampoo bar|pillow mist|candle",
    ),
    "toys": (
        ['Board game "Lost Harbour", 2-4 players'],
        "Wooden|Felt|Knitted|Tin|Painted",
        "fox|train|rabbit|sailing boat|money box|puzzle|rocking horse|mobile",
    ),
}
_GROCER: dict[str, Words] = {
    "fruit and vegetables": (
        ["Crème fraîche potatoes, 1 kg"],
        "Organic|Local|Loose|Washed|Ripe",
        "apples|carrots|tomatoes|spinach|bananas|onions|leeks|pears|lemons|peppers",
    ),
    "dairy": ([], "Whole|Skimmed|Farm|Greek|Unsalted", "milk|yoghurt|butter|cheddar|cream|kefir|brie|custard"),
    "bakery": ([], "Sourdough|Rye|Seeded|White|Wholemeal", "loaf|rolls|bagels|baguette|wraps|crumpets|buns|crackers"),
    "larder": (
        ['Passata "Nonna", 690 g'],
        "Italian|Smoked|Wild|Toasted|Basmati",
        "pasta|rice|chickpeas|olive oil|honey|oats|lentils|tuna|flour|almonds",
    ),
    "drinks": ([], "Sparkling|Cloudy|Cold-pressed|Roast|Herbal", "water|apple juice|coffee|tea|cola|ale|cordial|wine"),
    "household": ([], "Eco|Lemon|Sensitive|Giant|Refill", "dish soap|kitchen roll|bin bags|soap|bleach|sponges"),
}
_FASHION: dict[str, Words] = {
    "dresses": ([], "Floral|Wrap|Linen|Pleated|Satin", "midi dress|maxi dress|shirt dress|slip dress|tea dress"),
    "tops": ([], "Ribbed|Striped|Cropped|Oversized|Organic", "t-shirt|blouse|vest|jumper|cardigan|polo"),
    "bottoms": ([], "Straight|Wide-leg|High-rise|Tapered|Denim", "jeans|trousers|skirt|shorts|leggings|chinos"),
    "outerwear": ([], "Quilted|Wool|Waxed|Padded|Belted", "coat|jacket|parka|gilet|trench"),
    "shoes": ([], "Leather|Suede|Canvas|Chunky|Pointed", "trainers|boots|loafers|sandals|heels|flats"),
    "accessories": (["Scarf, 70 x 180 cm"], "Silk|Woven|Gold|Knitted|Beaded", "scarf|belt|bag|earrings|hat|gloves"),
}
_SHOPS = {"home": _HOME, "grocer": _GROCER, "fashion": _FASHION}
_VARIANTS = ("", "small", "large", "set of 2", "set of 6", "grey", "green", "blue", "red", "cream", "gift edition")


def product_names(shop: str, category: str, count: int) -> list[str]:
    """That many different names for the products of a category."""
    awkward, makes, things = _SHOPS[shop].get(category, ([], "Plain|Fine|Classic|Daily|Special", category))
    names = [*awkward, *(f"{make} {thing}" for thing, make in combinations(things.split("|"), makes.split("|")))]
    number = 1
    while len(names) < count:
        first = names if number == 1 else names[: len(names) // number]
        marks = _VARIANTS[1:] if number == 1 else (f"no. {number}",)
        names = [*names, *(f"{name}, {mark}" for mark in marks for name in first)]
        number += 1
    return names[:count]
