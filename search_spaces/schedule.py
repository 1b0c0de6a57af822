"""When a trial of a space reports and may be stopped."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from model.config import Config


class Schedule(Config):
    """When a trial reports, and when the scheduler may stop it (ASHA)."""

    report_every: int = Field(20, ge=1, description="epochs between two evaluations")
    first_rung: int = Field(20, ge=1, description="epochs a trial trains before it may be stopped")
    reduction_factor: int = Field(3, ge=2, description="of this many trials a rung lets one go on")

    @model_validator(mode="after")
    def _rungs_are_reported(self) -> Self:
        if self.first_rung % self.report_every:
            raise ValueError("first_rung must be a multiple of report_every")
        return self

    def rungs(self, max_epochs: int) -> list[int]:
        """Epochs at which the scheduler decides, below ``max_epochs``."""
        rungs = []
        epoch = self.first_rung
        while epoch < max_epochs:
            rungs.append(epoch)
            epoch *= self.reduction_factor
        return rungs
