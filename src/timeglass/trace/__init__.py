"""Every named array of a forecast, forward and backward."""
