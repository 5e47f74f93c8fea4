"""Nothing that is read says a value aloud, however readers come and go."""

from __future__ import annotations

import warnings
from contextlib import ExitStack

import pytest
from pydicom import config

from adapters.dicom.reading import quietly
from adapters.quiet import unwarned


def test_who_leaves_first_does_not_let_the_others_speak() -> None:
    mode = config.settings.reading_validation_mode
    assert mode != config.IGNORE
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with ExitStack() as first, ExitStack() as second, ExitStack() as third:
            first.enter_context(quietly())
            second.enter_context(unwarned)
            third.enter_context(quietly())
            first.close()
            second.close()
            warnings.warn("Invalid value for VR PN: 'Lindqvist^Ottilie'", UserWarning, stacklevel=1)
            assert config.settings.reading_validation_mode == config.IGNORE
        with pytest.raises(UserWarning, match="aloud"):
            warnings.warn("aloud", UserWarning, stacklevel=1)
    assert config.settings.reading_validation_mode == mode
