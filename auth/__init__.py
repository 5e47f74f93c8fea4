"""Passports, visas, the DAC's rules and the broker."""
