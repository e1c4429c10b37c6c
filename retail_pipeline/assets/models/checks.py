"""Checks on fitted models: what was found can be, and was found."""

from retail_pipeline.assets.table_checks import TableCheck, no_rows, unique_key

RETRAIN = "'retail train' fits new models; if that does not help, please report it."

CHECKS: list[TableCheck] = [
    unique_key("models.btyd_parameters", "model", "parameter"),
    no_rows(
        "models.btyd_parameters",
        "parameters_can_be",
        "parameters are positive numbers within their intervals, of every model all, and all of one training",
        """
        with expected as (
            select model, unnest(string_split(letters, ' ')) as parameter
            from (
                values ('bg_nbd', 'r alpha a b'), ('mbg_nbd', 'r alpha a b'), ('pareto_nbd', 'r alpha s beta'),
                ('gamma_gamma', 'p q v')
            ) as models(model, letters)
        )

        select model, parameter, value, std_error, lower, upper
        from models.btyd_parameters
        where (
            value > 0
            and isfinite(value)
            and isfinite(log_likelihood)
            and customers > 0
            and (std_error is null or (std_error > 0 and lower > 0 and lower < value and value < upper))
            and saved_model = (select min(saved_model) from models.btyd_parameters)
        ) is not true
        union all
        select model, parameter, null, null, null, null
        from expected
        anti join models.btyd_parameters using (model, parameter)
        where model in (select model from models.btyd_parameters)
            or (model <> 'gamma_gamma' and exists (from models.btyd_parameters))
        """,
        remedy=RETRAIN,
    ),
    no_rows(
        "models.btyd_parameters",
        "models_converged",
        "the search for the likeliest parameters came to an end",
        "select distinct model from models.btyd_parameters where converged is not true",
        remedy=RETRAIN,
        blocking=False,
    ),
]
