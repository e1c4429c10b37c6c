"""MBG/NBD: as BG/NBD, but a customer may leave after the first purchase already."""

from dataclasses import dataclass
from typing import ClassVar

from retail_pipeline.analytics.btyd.beta_geometric import BetaGeometric


@dataclass(frozen=True)
class MbgNbd(BetaGeometric):
    """The modified BG/NBD model (Batislam, Denizel and Filiztekin; Wagner and Hoppe as CBG/NBD).

    Purchase rates lambda are gamma (r, alpha), probabilities p to leave beta (a, b); a customer leaves with
    probability p after any purchase, the first included. The likelihood is

        L = Gamma(r+x) alpha^r / Gamma(r) * B(a, b+x+1) / B(a, b)
            * [(alpha+T)^-(r+x) + a / (b+x) * (alpha+t_x)^-(r+x)].

    References
    ----------
    Batislam, E. P., Denizel, M., Filiztekin, A. (2007), Empirical Validation and Comparison of Models for Customer Base
    Analysis. International Journal of Research in Marketing 24(3), 201-209.
    Wagner, U., Hoppe, D. (2008), Erratum on the MBG/NBD Model. International Journal of Research in Marketing
    25(3), 225-226.
    """

    c: ClassVar[int] = 1
