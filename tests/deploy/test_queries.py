"""The queries that `make monitoring` asks for show a wrong label, not only a wrong metric."""

from itertools import chain

import pytest

from deploy.queries import (
    Query,
    alert_queries,
    dashboard_queries,
    filled_in,
    groupings,
    selectors,
    with_parts,
)


def selected(expr: str) -> list[str]:
    return [query.expr for query in selectors(Query("a panel", expr))]


def test_comparisons_of_alerts_become_numbers_and_labels_stay() -> None:
    queries = list(alert_queries())
    assert all("bool" in query.expr for query in queries)
    assert not any("bool" in selector for q in queries for selector in selected(q.expr))


def test_each_part_is_asked_for_once() -> None:
    asked = [query[1:] for query in with_parts(dashboard_queries())]
    assert len(asked) == len(set(asked))
    of_run = 'profile=~".+", run=~".+"'
    selector = f'safegrpo_stances_total{{{of_run}, label="unsafe", stance="compliance"}} > 0'
    assert (selector, ()) in asked
    assert (f"max by (run) (safegrpo_run_step{{{of_run}}})", ("run",)) in asked


def test_a_variable_wants_series_with_the_label_of_which_it_lists_the_values() -> None:
    assert filled_in("label_values(safegrpo_run_step, run)") == 'safegrpo_run_step{run!=""}'
    asked = {query.place: query.expr for query in dashboard_queries()}
    assert asked["variable 'profile'"] == 'safegrpo_samples_total{profile!=""}'


def test_a_legend_wants_its_labels() -> None:
    wanted = {query.place: query.labels for query in dashboard_queries()}
    assert wanted["panel 'Requests'"] == ("protocol", "status")


def test_every_grouping_is_asked_for_by_itself() -> None:
    nested = Query("an alert", "max by (a) (sum by (a, b) (rate(x[1m]))) / sum(y)")
    assert [query[1:] for query in groupings(nested)] == [
        ("max by (a) (sum by (a, b) (rate(x[1m])))", ("a",)),
        ("sum by (a, b) (rate(x[1m]))", ("a", "b")),
    ]


@pytest.mark.parametrize("expr", ["max(sum(up) by (rum)) > 1", "max(sum by(rum)(up))"])
def test_a_grouping_of_another_form_is_refused_because_a_wrong_label_would_not_show(
    expr: str,
) -> None:
    with pytest.raises(ValueError, match=r"an alert: write each grouping as `sum by \(a, b\)"):
        list(groupings(Query("an alert", expr)))


def test_ours_are_all_of_that_form() -> None:
    for query in chain(dashboard_queries(), alert_queries()):
        assert len(list(groupings(query))) == query.expr.count(" by ")


def test_a_bracket_that_is_never_closed_is_an_error() -> None:
    with pytest.raises(ValueError, match="never closed"):
        list(groupings(Query("a panel", "sum by (a) (b")))


def test_counters_must_have_counted_and_gauges_may_be_zero() -> None:
    assert selected("sum(safegrpo_a_total) / safegrpo_b") == ["safegrpo_a_total > 0", "safegrpo_b"]


def test_a_value_that_is_excluded_must_be_one_of_a_label_that_is_there() -> None:
    assert selected('safegrpo_a{kind!="all"}') == ['safegrpo_a{kind!="all", kind!=""}']


def test_each_of_several_values_is_asked_for_by_itself() -> None:
    assert selected('safegrpo_a{run=~".+", stance=~"refusal|rebuttal"}') == [
        'safegrpo_a{run=~".+", stance="refusal"}',
        'safegrpo_a{run=~".+", stance="rebuttal"}',
    ]
