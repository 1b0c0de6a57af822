"""`mmatune bench`: what things cost on this machine, and which strategy of search pays."""

from __future__ import annotations

import typer

from tuning.commands.bench.costs import device, scale, scaling, store, study, trial
from tuning.commands.bench.searching import curves, gain, record, search, winners

app = typer.Typer(help="Measure what training and searching cost on this machine.")
for command in (trial, curves, record, device, search, winners, gain, study, scale, scaling, store):
    app.command()(command)
