"""Pictures, plots and tables, drawn from plain numbers."""
