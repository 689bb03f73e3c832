from fer_core.labels import ACTION_UNITS, EXPRESSIONS, FACS_NAMES, VA_RANGE, Expression, au_column

#: Columns of the native CSV that users rely on.
CONTRACT = ("au01", "au02", "au04", "au06", "au07", "au10", "au12", "au15", "au23", "au24", "au25", "au26")


def test_expressions_are_in_the_order_of_the_votes():
    names = "neutral happiness surprise sadness anger disgust fear contempt"
    assert tuple(names.split()) == EXPRESSIONS
    assert EXPRESSIONS.index(Expression.FEAR) == 6


def test_action_units_hold_every_unit_of_the_contract_in_rising_order():
    assert set(CONTRACT) <= {au_column(unit) for unit in ACTION_UNITS}
    assert list(ACTION_UNITS) == sorted(set(ACTION_UNITS))


def test_action_units_all_have_a_facs_name():
    assert set(ACTION_UNITS) <= FACS_NAMES.keys()
    assert len(set(FACS_NAMES.values())) == len(FACS_NAMES)


def test_au_column_has_two_digits():
    assert au_column(4) == "au04"
    assert au_column(12) == "au12"


def test_va_range_is_symmetric():
    assert VA_RANGE == (-1.0, 1.0)
