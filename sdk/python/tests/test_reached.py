"""Where a replay goes on."""

from gadugi_router.reached import Reached


def test_it_goes_on_where_something_may_be_missing():
    reached = Reached()
    assert reached.next(1) is None
    assert reached.is_new(3, 3, True) and not reached.is_new(3, 3, True)
    assert reached.next(1) == 4
    reached.all(5)
    # A live one that is urgent may have passed others; one that is not has passed nothing.
    assert reached.is_new(7, 9, False)
    assert (reached.next(1), reached.next(7)) == (6, 10)
    assert reached.is_new(3, 7, False) and not reached.is_new(7, 9, True)
    assert reached.is_new(1, 10, False)
    assert reached.next(1) == 11
    assert reached.is_new(7, 50_000, False)
    assert reached.next(1) == 40_001
