"""The proof of the Beacon: files of a member, random questions, and what they must be answered with."""
