"""What each check on baskets must find."""

CORRUPTIONS: dict[str, list[str]] = {
    "baskets.frequent_itemsets:key_is_unique": [
        "insert into baskets.frequent_itemsets from baskets.frequent_itemsets limit 1"
    ],
    "baskets.frequent_itemsets:no_rarer_than_its_parts": [
        "update baskets.frequent_itemsets set orders = orders + 1000, support = support * (1000 + orders) / orders "
        "where length = 2",
        "update baskets.frequent_itemsets set length = length + 1 where itemset = ['MUG1']",
        "delete from baskets.frequent_itemsets where itemset = ['P']",
    ],
    "baskets.frequent_itemsets:support_is_of_the_same_baskets": [
        "update baskets.frequent_itemsets set support = support / 2 where itemset = ['P']",
        "update baskets.frequent_itemsets set support = null where itemset = ['P']",
    ],
    "baskets.frequent_itemsets:some_items_are_frequent": ["delete from baskets.frequent_itemsets"],
    "baskets.earlier_rules:key_is_unique": [
        "insert into baskets.earlier_rules (antecedents, consequents) select ['a'], ['b'] from range(2)"
    ],
    "baskets.association_rules:key_is_unique": [
        "insert into baskets.association_rules from baskets.association_rules limit 1"
    ],
    "baskets.association_rules:agree_with_the_itemsets": [
        "update baskets.association_rules set orders = orders + 1",
        "update baskets.association_rules set confidence = confidence / 2",
        "update baskets.association_rules set lift = lift * 2",
        "update baskets.association_rules set q_value = p_value / 2",
        "update baskets.association_rules set antecedents = ['nothing']",
    ],
    "baskets.product_associations:key_is_unique": [
        "insert into baskets.product_associations from baskets.product_associations limit 1"
    ],
    "baskets.product_associations:agree_with_the_itemsets": [
        "update baskets.product_associations set orders = orders + 1",
        "update baskets.product_associations set confidence = confidence / 2",
        "update baskets.product_associations set lift = lift * 2",
    ],
}
