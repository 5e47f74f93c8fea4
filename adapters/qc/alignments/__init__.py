"""The check of aligned and unaligned reads in BAM and CRAM (SAM specification)."""
