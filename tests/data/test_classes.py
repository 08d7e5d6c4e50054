"""The rule ``auto``: section where a machine has several, else attributes; always within a machine."""

from __future__ import annotations

import pandas as pd

from asd_bench.data.classes import Classes


def table(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["machine", "section", "attributes"])


def test_sections_are_the_classes_where_a_machine_has_several():
    train = table(("fan", "00", "a"), ("fan", "02", "a"), ("fan", "00", "b"))
    classes = Classes.of(train)
    assert classes.names == ("fan/00", "fan/02")
    assert classes.rules == {"fan": "section"}
    assert classes.ids(train).tolist() == [0, 1, 0]
    assert classes.candidates(["fan", "fan"], ["02", "00"]) == ((1,), (0,))


def test_attributes_are_the_classes_of_a_single_section_and_hidden_at_test():
    train = table(("ToyCar", "00", "car_A"), ("ToyCar", "00", "car_B"), ("fan", "00", "m_W"), ("ToyCar", "00", "car_A"))
    classes = Classes.of(train)
    assert classes.names == ("ToyCar/00/car_A", "ToyCar/00/car_B", "fan/00/m_W")
    assert classes.ids(train).tolist() == [0, 1, 2, 0]
    # A test clip may be any class of its own machine, and none of another machine's.
    assert classes.candidates(["ToyCar", "fan"], ["00", "00"]) == ((0, 1), (2,))


def test_the_same_attributes_in_two_machines_are_two_classes():
    classes = Classes.of(table(("fan", "00", "vel_1"), ("slider", "00", "vel_1")))
    assert len(classes) == 2


def test_a_machine_without_attributes_is_one_class():
    classes = Classes.of(table(("gearbox", "00", ""), ("gearbox", "00", "")))
    assert len(classes) == 1
    assert classes.rules == {"gearbox": "attributes"}


def test_machines_with_different_rules_live_side_by_side():
    train = table(("fan", "00", "x"), ("fan", "01", "y"), ("pump", "00", "p"), ("pump", "00", "q"))
    assert Classes.of(train).names == ("fan/00", "fan/01", "pump/00/p", "pump/00/q")


def test_one_section_of_several_is_one_class_whatever_its_attributes():
    """What a fit of section scope sees of a 2022 machine."""
    classes = Classes.of(table(("fan", "01", "a"), ("fan", "01", "b")), sections={"fan": 3})
    assert classes.names == ("fan/01",)
    assert classes.rules == {"fan": "section"}
