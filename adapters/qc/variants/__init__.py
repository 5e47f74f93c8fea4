"""The check of variants in VCF and BCF (VCF specification 4.5)."""
