"""The forecaster: from any series to dated forecasts with intervals and a verdict."""
