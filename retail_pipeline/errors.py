"""The errors users see. Every one names the thing, what is wrong with it and what to do next."""


class RetailPipelineError(Exception):
    """Base of all errors raised on purpose; its text is meant to be shown to a user as it is."""


class SettingsError(RetailPipelineError):
    """A setting, parameter or environment variable is unknown or has a wrong value."""


class UnreadableDropError(RetailPipelineError):
    """A file in ``drops/`` that fits no format or cannot be read at all; nothing of it is loaded."""


class SqlFileError(RetailPipelineError):
    """A ``.sql`` table file whose header and SELECT do not agree, or that cannot be parsed."""


class WarehouseError(RetailPipelineError):
    """The working database or a table in it could not be used as asked."""


class WarehouseBusyError(WarehouseError):
    """Another run held the working database for longer than the settable time."""


class PublishError(WarehouseError):
    """A new snapshot could not be made or did not verify; the old one stays."""


class SnapshotMissingError(RetailPipelineError):
    """There is no published snapshot yet."""


class ModelError(RetailPipelineError):
    """A saved model is damaged, or not what was saved; a new one is fitted in its place."""


class FetchError(RetailPipelineError):
    """A data set could not be downloaded, or is not what it should be."""


class SelectionError(RetailPipelineError):
    """A selection names assets, tables or files that do not exist, or that do not go together."""


class SimulationError(RetailPipelineError):
    """A synthetic shop could not be written."""


class TooManyItemsetsError(RetailPipelineError):
    """More itemsets are frequent, or make more rules, than the settings allow.

    Attributes
    ----------
    found
        How many had been found when the search stopped.
    """

    def __init__(self, found: int, most: int, things: str = "itemsets") -> None:
        fewer = ", or for single consequents (baskets.single_consequent)" if things == "rules" else ""
        super().__init__(
            f"There are more {things} than baskets.most_{things} = {most:,}: {found:,} when the search stopped. "
            "Ask for itemsets that more baskets hold (baskets.min_support, or baskets.min_orders where that is set) or "
            f"for shorter ones (baskets.max_length){fewer}, or allow more (baskets.most_{things})."
        )
        self.found = found
