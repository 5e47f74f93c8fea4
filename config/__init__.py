"""Data shipped with the program; a package so that its files are found wherever the program is installed."""
