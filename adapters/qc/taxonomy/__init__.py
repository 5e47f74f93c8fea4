"""Which organisms the reads are of: sourmash against reference sets that an operator adds.

Only what makes a profile imports sourmash, which takes a second and 100 MB.
"""
