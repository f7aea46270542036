"""Series in: files, addresses, dates, and the bundled data."""
