"""The chassis every process stands on."""

import warnings

# connexion 3.3 imports Starlette's test client, which from Starlette 1.x on asks for a newer HTTP client at import.
warnings.filterwarnings("ignore", message="Using `httpx` with `starlette.testclient` is deprecated")
