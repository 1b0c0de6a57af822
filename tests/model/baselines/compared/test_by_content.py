"""What is kept by content: computed once for equal arrays, and never changed by a caller."""

import numpy as np
import pytest

from model.baselines.compared.by_content import kept_by_content


def test_equal_arrays_share_one_result_and_others_do_not() -> None:
    calls = []

    def doubled(array: np.ndarray) -> np.ndarray:
        calls.append(array)
        return 2 * array

    kept = kept_by_content(doubled)
    first = kept(np.arange(4.0))
    assert kept(np.arange(4.0)) is first
    assert len(calls) == 1
    assert kept(np.arange(4.0).reshape(2, 2)).shape == (2, 2)
    assert kept(np.arange(1.0, 5.0)).tolist() == [2, 4, 6, 8]
    assert len(calls) == 3
    kept(np.arange(4.0))  # two are kept, this was the third last
    assert len(calls) == 4


def test_nobody_can_change_what_is_shared() -> None:
    kept = kept_by_content(lambda array: array + 1)
    with pytest.raises(ValueError, match="read-only"):
        kept(np.zeros(3))[0] = 5
