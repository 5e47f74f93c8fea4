"""The proof of the join: the files of a demo family, random questions over two members, and what they must be
answered with."""
