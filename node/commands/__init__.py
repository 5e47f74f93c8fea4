"""The commands of gsanode, one module each, loaded when called."""
