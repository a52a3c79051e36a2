"""The last day of an annual contract, whatever the calendar does in February."""

from datetime import date

import pytest

from shared.checks.contract import is_annual


@pytest.mark.parametrize(
    ("starts_on", "last_day_of_the_year"),
    [
        (date(2026, 11, 29), date(2027, 11, 28)),
        (date(2026, 1, 1), date(2026, 12, 31)),
        (date(2027, 3, 1), date(2028, 2, 29)),
        (date(2027, 2, 28), date(2028, 2, 27)),
        (date(2028, 2, 28), date(2029, 2, 27)),
        (date(2028, 2, 29), date(2029, 2, 28)),
        (date(2028, 3, 1), date(2029, 2, 28)),
    ],
)
def test_a_contract_is_annual_to_the_day(starts_on: date, last_day_of_the_year: date) -> None:
    assert is_annual(starts_on, last_day_of_the_year)
    assert not is_annual(starts_on, date.fromordinal(last_day_of_the_year.toordinal() - 1))
