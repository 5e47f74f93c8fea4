"""The real holdings: a folder of data in the layout of the data pack, registered where it is."""
