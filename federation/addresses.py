"""Where nodes that joined by a call may be: not inside, whatever their names resolve to, now or later.

Nodes of the configuration may be anywhere: who writes the configuration stands inside already.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
TRANSLATED = IPv6Network("64:ff9b::/96")


class InnerAddress(OSError):
    """An address at which no node may be."""


class Addresses:
    """Judges addresses.

    :param networks: inner networks in which nodes may be all the same.
    """

    def __init__(self, networks: Sequence[Network] = ()) -> None:
        self._networks = tuple(networks)

    def inner(self, address: Address) -> bool:
        """Whether an address is of a network that is allowed by the configuration only."""
        return any(address.version == network.version and address in network for network in self._networks)

    def allows(self, address: Address) -> bool:
        """Whether a node may be there; of IPv6 that carries IPv4, the IPv4 address has to be allowed too."""
        carried = _carried(address)
        if self.inner(address):
            return True
        return address.is_global and not address.is_multicast and (carried is None or self.allows(carried))

    def allows_literal(self, url: str) -> bool:
        """Whether the address that stands in ``url`` itself is allowed; True for a name."""
        literal = _literal(urlsplit(url).hostname or "")
        return literal is None or self.allows(literal)

    async def check(self, url: str) -> None:
        """Look where ``url`` leads now.

        :raises InnerAddress: if any of its addresses is one where no node may be, or plain http leads outside.
        :raises OSError: if its name does not resolve.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        literal = _literal(host)
        if literal is None:
            found = await asyncio.get_running_loop().getaddrinfo(host, parts.port or 443, type=socket.SOCK_STREAM)
            addresses = [ip_address(str(one[4][0]).partition("%")[0]) for one in found]
        else:
            addresses = [literal]
        if not all(self.allows(address) for address in addresses):
            raise InnerAddress(f"{host} is at an inner address; see 'joining.networks' of the configuration")
        if parts.scheme != "https" and not all(self.inner(address) for address in addresses):
            raise InnerAddress(f"{url} must be https")


class Guarded(AbstractResolver):
    """Resolves names for connections without inner addresses: a name may lead elsewhere than when it was checked.

    :param trusted: hosts of the configuration, which may be anywhere.
    """

    def __init__(self, addresses: Addresses, trusted: Collection[str]) -> None:
        self._addresses = addresses
        self._trusted = frozenset(host.lower() for host in trusted)
        self._inner = DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host at which it may be asked.

        :raises InnerAddress: if there are none.
        """
        found = await self._inner.resolve(host, port, family)
        if host.lower() in self._trusted:
            return found
        allowed = [one for one in found if self._addresses.allows(ip_address(one["host"].partition("%")[0]))]
        if not allowed:
            raise InnerAddress(None, f"{host} is at an inner address")
        return allowed

    async def close(self) -> None:
        """Let go."""
        await self._inner.close()


def _literal(host: str) -> Address | None:
    """The address that ``host`` is, in any of the forms that a resolver takes (``127.1``, ``0x7f000001``)."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(host))
    except OSError:
        return None


def _carried(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv4Address):
        return None
    if address in TRANSLATED:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
