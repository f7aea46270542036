"""Series in: from files, addresses, standard input, frames and arrays, never silently wrong."""
