"""Harm done to the tables of models, which are empty in a store of few customers, by the check that must find it."""

LETTERS = {"bg_nbd": "r alpha a b", "mbg_nbd": "r alpha a b", "pareto_nbd": "r alpha s beta", "gamma_gamma": "p q v"}
FITTED = (
    "insert into models.btyd_parameters by name select model, unnest(string_split(letters, ' ')) as parameter, "
    "1.5 as value, 0.2 as std_error, 1.1 as lower, 1.9 as upper, -9.5 as log_likelihood, 500 as customers, "
    "'day' as time_unit, date '2024-06-01' as calibration_end, true as converged, 'abc' as saved_model from (values "
    + ", ".join(f"('{model}', '{letters}')" for model, letters in LETTERS.items())
    + ") as models(model, letters)"
)
"""Right rows of all models."""


def _but(change: str) -> str:
    """Right rows, and then a change."""
    return f"{FITTED}; {change}"


PARAMETERS = "models.btyd_parameters"
CORRUPTIONS: dict[str, list[str]] = {
    f"{PARAMETERS}:key_is_unique": [f"{FITTED}; {FITTED}"],
    f"{PARAMETERS}:parameters_can_be": [
        *(
            _but(f"update {PARAMETERS} set {change} where model = 'bg_nbd' and parameter = 'a'")
            for change in (
                *("value = -1", "value = 'inf'::double", "value = null, std_error = null", "std_error = 0"),
                *("lower = 1.6", "upper = 1.4", "log_likelihood = 'nan'::double", "customers = 0", "saved_model = 'b'"),
            )
        ),
        _but(f"delete from {PARAMETERS} where parameter = 's'"),
        _but(f"delete from {PARAMETERS} where model = 'pareto_nbd'"),
        _but(f"delete from {PARAMETERS} where parameter = 'v'"),
    ],
    f"{PARAMETERS}:models_converged": [
        _but(f"update {PARAMETERS} set converged = false where model = 'mbg_nbd'"),
        _but(f"update {PARAMETERS} set converged = null where model = 'mbg_nbd'"),
    ],
}
