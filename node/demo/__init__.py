"""The demo family: made data, six processes under one supervisor, and a tour through them."""
