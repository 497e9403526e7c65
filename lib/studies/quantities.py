"""The registry of quantities: how each is called and written, in figures, tables and verdicts."""

import dataclasses
from collections.abc import Iterable, Mapping

PER_PARAMETER = "nats per parameter²"
PER_FILTER = "nats per filter norm²"


@dataclasses.dataclass(frozen=True)
class Quantity:
    """A measured quantity.

    Attributes:
        name: Its name in the record.
        heading: Its name in tables and figures, without unit.
        unit: Its unit.
        log: Whether values of different networks are compared by ratios, on logarithmic axes.
        sign: −1 for a quantity with negative values, whose ratios are those of magnitudes.
    """

    name: str
    heading: str
    unit: str
    log: bool = True
    sign: int = 1

    @property
    def title(self) -> str:
        """Heading with unit, where the unit is short enough for a table."""
        return f"{self.heading} ({self.unit})" if self.unit in _SHORT else self.heading

    @property
    def magnitude(self) -> str:
        """The heading as ratios name it: a negative quantity is compared by its magnitude."""
        return self.heading if self.sign > 0 else f"magnitude of {self.heading}"


_SHORT = ("nats", "epochs", "filter norms", "points", "examples")

QUANTITIES = {
    quantity.name: quantity
    for quantity in (
        Quantity("train_loss", "training loss", "nats"),
        Quantity("train_accuracy", "training accuracy", "share correct", log=False),
        Quantity("test_loss", "test loss", "nats"),
        Quantity("test_accuracy", "test accuracy", "share correct", log=False),
        Quantity("loss_gap", "generalisation gap", "nats"),
        Quantity("epochs_to_target", "epochs to target", "epochs"),
        Quantity("step_noise", "step noise", "nats"),
        Quantity("step_noise_matched", "step noise at equal loss", "nats"),
        Quantity("loss", "loss", "nats"),
        Quantity("gradient_norm", "gradient norm", "nats per parameter"),
        Quantity("signal_decay", "gradient factor per layer", "per layer"),
        Quantity("lambda_max", "λ_max", PER_PARAMETER),
        Quantity("lambda_min", "λ_min", PER_PARAMETER, sign=-1),
        Quantity("lambda_kth", "λ_k", PER_PARAMETER),
        Quantity("kappa", "λ_max / |λ_min|", ""),
        Quantity("kappa_ggn", "κ of the Gauss-Newton matrix", ""),
        Quantity("kappa_jacobian", "κ without the loss's weights", ""),
        Quantity("networks", "networks", "", log=False),
        Quantity("log_odds", "log odds, flat over sharp", "", log=False),
        Quantity("odds_slope", "slope of the log odds", "", log=False),
        Quantity("odds_slope_exact", "slope of the exact log odds", "", log=False),
        Quantity("gap_slope", "effect of the depth", "", log=False),
        Quantity("certified_error", "bound of the error", "share wrong", log=False),
        Quantity("stochastic_error", "training error, random weights", "share wrong", log=False),
        Quantity("stochastic_test_error", "test error, random weights", "share wrong", log=False),
        Quantity("prior_divergence", "divergence from the prior", "nats"),
        Quantity("noise_size", "size of the noise", ""),
        Quantity("layers_condition", "product over the layers", ""),
        Quantity("lambda_max_relative", "relative λ_max", PER_FILTER),
        Quantity("lambda_max_preconditioned", "preconditioned λ_max", "1 per parameter"),
        Quantity("critical_sharpness", "critical sharpness", PER_PARAMETER),
        Quantity("top_share", "gradient in the top eigenspace", "share", log=False),
        Quantity("top_noise_share", "mini-batch noise in it", "share", log=False),
        Quantity("top_chance", "a random direction in it", "share", log=False),
        Quantity("descent_loss", "loss after the descent", "nats"),
        Quantity("descent_fall", "loss before over loss after", ""),
        Quantity("threshold", "threshold of stability", "1 per parameter"),
        Quantity("edge_peak", "largest curvature / threshold", "", log=False),
        Quantity("edge_ratio", "late curvature / threshold", "", log=False),
        Quantity("batch_edge_ratio", "batch sharpness / threshold", "", log=False),
        Quantity("sam", "SAM rise", "nats"),
        Quantity("sam_symmetric", "symmetrised rise", "nats"),
        Quantity("sam_adaptive", "adaptive rise", "nats"),
        Quantity("average_rise", "average rise", "nats"),
        Quantity("loss_change", "change of the loss", "nats"),
        Quantity("rounding", "rounding error", "share of the gradient"),
        Quantity("trace", "trace", PER_PARAMETER),
        Quantity("mean_eigenvalue", "mean eigenvalue", PER_PARAMETER),
        Quantity("negative_mass", "negative mass", "share", log=False),
        Quantity("noise_trace", "gradient noise", "(nats per parameter)²"),
        Quantity("noise_scale", "noise scale", "examples"),
        Quantity("trace_bound", "bound on the trace", "(nats per parameter)²"),
        Quantity("trace_constant", "constant of the bound", "1 per nat", log=False),
        Quantity("barrier", "loss barrier", "nats"),
        Quantity("barrier_above_mean", "barrier above the mean of the ends", "nats"),
        Quantity("error_barrier", "error barrier", "share wrong", log=False),
        Quantity("length", "length", "straight lengths"),
        Quantity("similarity", "similarity after alignment", "parameter²"),
        Quantity("similarity_before", "similarity", "parameter²"),
        Quantity("power_iteration", "λ_max, power iteration", PER_PARAMETER),
        Quantity("coarse_range", "loss range, coarse plane", "nats"),
        Quantity("ritz_max", "largest Ritz value", PER_PARAMETER),
        Quantity("ritz_min", "smallest Ritz value", PER_PARAMETER, sign=-1),
        Quantity("ritz_negative", "negative Ritz values", "", log=False),
        Quantity("product_error", "error of the product", PER_PARAMETER),
        Quantity("product_norm", "norm of the product", PER_PARAMETER),
        Quantity("switched_units", "units that switch", "units", log=False),
        Quantity("moved_maxima", "maxima that move", "maxima", log=False),
        Quantity("width", "width of the network", ""),
        Quantity("outliers", "outliers", "eigenvalues", log=False),
        Quantity("basin_width", "width of the basin", "filter norms"),
        Quantity("anisotropy", "anisotropy", "long over short axis"),
        Quantity("line_width", "width along random lines", "filter norms"),
        Quantity("line_rise", "rise along random lines", "nats"),
        Quantity("quadratic_radius", "radius of the quadratic model", ""),
        Quantity("loss_range", "range of the loss", "nats"),
        Quantity("roughness", "roughness", "share of the variation", log=False),
        Quantity("path_share", "share of the path's spread", "share", log=False),
        Quantity("path_share_high", "highest share of a null model", "share", log=False),
        Quantity("lissajous", "correlation with a cosine", "", log=False),
        Quantity("parabola_residual", "residual of a parabola", "share of the variation"),
        Quantity("line_range", "range of the loss along the path", "nats"),
        Quantity("parabola_window", "widest parabola", "share of the path", log=False),
        Quantity("span_accuracy", "test accuracy within a span", "share correct", log=False),
        Quantity("span_change", "change of test accuracy", "share correct", log=False),
        Quantity("span_loss", "training loss within a span", "nats"),
    )
}


def quantity(name: str) -> Quantity:
    """Return a quantity of the registry.

    Args:
        name: Its name; words behind a comma, as of ``Measurements.qualified``, stand in its heading
            too.

    Raises:
        KeyError: If there is none of this name.
    """
    name, comma, words = name.partition(", ")
    if name not in QUANTITIES:
        raise KeyError(f"no quantity {name!r} is known. Known are {', '.join(QUANTITIES)}.")
    known = QUANTITIES[name]
    if not comma:
        return known
    qualified = f"{name}, {words}"
    return dataclasses.replace(known, name=qualified, heading=f"{known.heading}, {words}")


def sign_of(name: str) -> int:
    """Return the sign of a quantity that is compared by ratios; 0 for others and unknown names.

    Args:
        name: Its name, as for ``quantity``.
    """
    if name.partition(", ")[0] not in QUANTITIES:
        return 0
    known = quantity(name)
    return known.sign if known.log else 0


def headings(names: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """Return quantity -> heading with unit, for the rows of a table.

    Args:
        names: Names of quantities; or quantity -> heading, which is returned as it is.

    Raises:
        KeyError: If there is no quantity of a name.
    """
    if isinstance(names, Mapping):
        return dict(names)
    return {name: quantity(name).title for name in names}


def short_headings(names: Iterable[str] | Mapping[str, str]) -> dict[str, str]:
    """Return quantity -> heading without unit, for figures, whose axes name units.

    Args:
        names: As for ``headings``.

    Raises:
        KeyError: If there is no quantity of a name.
    """
    if isinstance(names, Mapping):
        return dict(names)
    return {name: quantity(name).heading for name in names}
