"""The forecaster: from any series to dated forecasts with intervals and a verdict."""

from timeglass.forecast.forecaster import Forecaster
from timeglass.forecast.settings import Covariates, Networks

__all__ = ["Covariates", "Forecaster", "Networks"]
