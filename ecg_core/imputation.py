"""What the other leads say of a lead that is left out: it stands in for it where only a whole record will do."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]


@dataclass(frozen=True)
class LeadCovariance:
    """Covariance of normals' eight independent leads, (8, 8), mV^2, at the same instant.

    The density of the latent is fitted on complete records. A lead that is merely hidden moves every feature, and a
    record's own evidence drowns in that; the best linear guess from the leads that can be read, which are seven
    projections of the same source, moves them hardly at all.
    """

    matrix: F32

    def fill(self, x: F32, usable: NDArray[np.bool_]) -> F32:
        """Return records with each masked lead replaced by its linear regression on the usable ones.

        What the masked lead held does not enter. Records without masked leads are returned as they are.

        Parameters
        ----------
        x : (batch, 8, n), mV at 100 Hz.
        usable : (batch, 8): leads that are not masked; at least one in each record.
        """
        if usable.all():
            return x
        filled = x.copy()
        for k in np.flatnonzero(~usable.all(axis=1)):
            seen, lost = np.flatnonzero(usable[k]), np.flatnonzero(~usable[k])
            matrix = self.matrix.astype(np.float64)
            weights = np.linalg.solve(matrix[np.ix_(seen, seen)], matrix[np.ix_(seen, lost)]).T  # (lost, seen)
            filled[k, lost] = weights @ x[k, seen]
        return filled


def fit_lead_covariance(x: F32) -> LeadCovariance:
    """Fit on normals.

    Parameters
    ----------
    x : (n, 8, n_samples), mV, without offset (0.5-40 Hz).
    """
    total = np.zeros((x.shape[1], x.shape[1]))
    for record in x:
        total += record.astype(np.float64) @ record.T
    return LeadCovariance((total / (x.shape[0] * x.shape[-1])).astype(np.float32))
