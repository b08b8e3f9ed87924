"""Fifty values files that nobody wrote: what comes out is valid and behind its walls."""

import json

from hypothesis import HealthCheck, given, settings

from tests.infra.chart import WITH_TOKEN, environment, of_kind, render, templates
from tests.infra.drawn_values import VALUES
from tests.infra.test_chart_valid import assert_valid
from tests.policy import violations


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(VALUES)
def test_any_right_values_make_a_release_that_holds(values):
    objects = render(values)

    assert_valid(objects)
    for name, template in templates(objects).items():
        assert violations(template["spec"], tokens=name in WITH_TOKEN) == [], name
    assert of_kind(objects, "ClusterRole", "ClusterRoleBinding") == []
    assert_told(values.get("settings", {}), objects)


def assert_told(settings, objects):
    """Settings arrive letter by letter, whatever YAML or Helm think of them."""
    [web] = templates(objects)["alloyworks-web"]["spec"]["containers"]
    told = environment(web)
    for name, value in settings.items():
        found = told[name]["value"]
        if isinstance(value, float):
            assert float(found) == value, name
        else:
            assert found == (value if isinstance(value, str) else json.dumps(value)), name
