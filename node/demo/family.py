"""Brings a demo family together: data, configuration, databases, people, and its description."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from auth.broker.settings import BrokerSettings
from node.commands.process import KINDS
from node.demo import configuration, description, registering
from node.demo.configuration import MEMBERS, Addresses
from node.demo.description import Described
from node.demo.made.family import MadeFamily
from node.demo.real.family import RealFamily
from node.demo.state import MADE, State, recall, remember
from node.demo.users import create_accounts, create_committees
from web.settings import load

Told = Callable[[str], None]


def bring_up(folder: Path, port_base: int, data: Path | None, told: Told) -> Described:
    """Make the family in ``folder``, or find it there complete; answers its description (``family.json``).

    :param data: folder of real data in the layout of the data pack; None makes the data.
    :raises DemoError: if the folder or the data cannot be used.
    """
    known = RealFamily(data, folder) if data else MadeFamily(folder)
    state = recall(folder, port_base, str(data) if data else MADE)
    configs = configuration.write(folder, Addresses(port_base), state.secrets, known.roots())
    if state.complete:
        described: Described = json.loads((folder / "family.json").read_bytes())
        return described
    holdings = known.holdings(told)
    _prepare_broker_and_gateway(state, configs)
    for member in MEMBERS:
        with registering.database(configs[member]) as engine:
            create_committees(engine, holdings.committees(member).items(), state.users)
        own = [submission for submission in holdings.submissions if submission.member == member]
        registering.fill(configs[member], own, holdings.ontologies.get(member, ()), told)
    described = description.describe(folder, state, configs, holdings)
    remember(folder, replace(state, complete=True))
    return described


def _prepare_broker_and_gateway(state: State, configs: dict[str, Path]) -> None:
    settings = load(configs["broker"], KINDS)
    assert isinstance(settings, BrokerSettings)
    with registering.database(configs["broker"]) as engine:
        create_accounts(engine, state.users, settings.passwords)
    with registering.database(configs["gateway"]):
        pass  # it holds nothing, but has a schema
