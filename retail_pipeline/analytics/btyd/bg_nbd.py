"""BG/NBD: customers buy at a rate of their own, and may leave after each repeat purchase."""

from dataclasses import dataclass
from typing import ClassVar

from retail_pipeline.analytics.btyd.beta_geometric import BetaGeometric


@dataclass(frozen=True)
class BgNbd(BetaGeometric):
    """The beta-geometric/NBD model of Fader, Hardie and Lee.

    A customer buys at random with a rate lambda, which differs between customers by a gamma distribution (r, alpha),
    and leaves after each repeat purchase with a probability p, which differs by a beta distribution (a, b). Who has
    bought once only is therefore still a customer for certain. The likelihood is (equation 6 and appendix)

        L = Gamma(r+x) alpha^r / Gamma(r) * B(a, b+x) / B(a, b)
            * [(alpha+T)^-(r+x) + (x > 0) * a / (b+x-1) * (alpha+t_x)^-(r+x)].

    References
    ----------
    Fader, P. S., Hardie, B. G. S., Lee, K. L. (2005), "Counting Your Customers" the Easy Way: An Alternative to the
    Pareto/NBD Model. Marketing Science 24(2), 275-284.

    Examples
    --------
    >>> model = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)  # of CDNOW's customers, by weeks
    >>> model.conditional_expected_orders(39, x=2, t_x=30.43, T=38.86).round(3).tolist()
    [1.226]
    """

    c: ClassVar[int] = 0
